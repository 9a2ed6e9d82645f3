/* Holds one thread of a process still, as a hang would, until the process ends: hold TID */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  pid_t thread = atoi(argv[1]);
  if (ptrace(PTRACE_SEIZE, thread, 0, 0) != 0 || ptrace(PTRACE_INTERRUPT, thread, 0, 0) != 0) {
    perror("ptrace");
    return 1;
  }
  waitpid(thread, NULL, __WALL);
  puts("held");
  fflush(stdout);
  /* its end has to be taken note of here, or its parent would not hear of it */
  int status = 0;
  while (waitpid(thread, &status, __WALL) == thread && !WIFEXITED(status) && !WIFSIGNALED(status)) {
  }
  return 0;
}
