/*
 * Makes one thread of a process hang until the process ends: hold TID, or in an endless loop: hold TID ADDRESS, where
 * at ADDRESS of the process there is an instruction that jumps to itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static int loop(pid_t thread, unsigned long address) {
  struct user_regs_struct regs;
  if (ptrace(PTRACE_GETREGS, thread, 0, &regs) != 0) return -1;
  regs.rip = address;
  /* else the kernel would go back to the system call that was interrupted */
  regs.orig_rax = (unsigned long)-1;
  return ptrace(PTRACE_SETREGS, thread, 0, &regs) != 0 || ptrace(PTRACE_CONT, thread, 0, 0) != 0 ? -1 : 0;
}

int main(int argc, char **argv) {
  if (argc != 2 && argc != 3) return 2;
  pid_t thread = atoi(argv[1]);
  if (ptrace(PTRACE_SEIZE, thread, 0, 0) != 0 || ptrace(PTRACE_INTERRUPT, thread, 0, 0) != 0) {
    perror("ptrace");
    return 1;
  }
  waitpid(thread, NULL, __WALL);
  if (argc == 3 && loop(thread, strtoul(argv[2], NULL, 16)) != 0) {
    perror("ptrace");
    return 1;
  }
  puts("held");
  fflush(stdout);
  /* its end has to be taken note of here, or its parent would not hear of it; a signal is passed on */
  int status = 0;
  while (waitpid(thread, &status, __WALL) == thread && !WIFEXITED(status) && !WIFSIGNALED(status))
    if (argc == 3) ptrace(PTRACE_CONT, thread, 0, WSTOPSIG(status));
  return 0;
}
