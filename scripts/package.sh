#!/usr/bin/env bash
# Makes the Debian packages from the built executables:
#   scripts/package.sh [DIST]
# DIST (default dist) holds dwbase-linux-x64 and dwbase-linux-arm64, and takes the packages. Needs nfpm, which is brought by
# the Go toolchain where it is not there, and an executable of this processor, whose `install` lays the files out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

NFPM=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.4
dist=${1:-dist}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

nfpm=$(command -v nfpm || true)
if [ -z "$nfpm" ]; then
  GOBIN=$work/bin go install "$NFPM"
  nfpm=$work/bin/nfpm
fi

case $(uname -m) in
  aarch64) own=$dist/dwbase-linux-arm64 ;;
  *) own=$dist/dwbase-linux-x64 ;;
esac
VERSION=$("$own" version --json | sed -n 's/.*"version": *"\([^"]*\)".*/\1/p')

# Lays out what the package of an architecture holds, as `dwbase install` would on a device.
stage() {
  local root=$1 binary=$2
  "$own" install --root "$root" --prefix /usr >/dev/null
  install -m 755 "$binary" "$root/usr/bin/dwbase"
  install -d "$root/usr/lib/systemd/system" "$root/usr/share/doc/dwbase" "$root/usr/share/lintian/overrides"
  install -m 644 "$root"/etc/systemd/system/dwbase* "$root/usr/lib/systemd/system/"
  install -m 644 deploy/package/lintian-overrides "$root/usr/share/lintian/overrides/dwbase"
  gzip -9n "$root/usr/share/man/man1/dwbase.1"
  install -d "$root/usr/share/zsh/vendor-completions"
  mv "$root/usr/share/zsh/site-functions/_dwbase" "$root/usr/share/zsh/vendor-completions/"
  rmdir "$root/usr/share/zsh/site-functions"
  install -m 644 README.md "$root/usr/share/doc/dwbase/README.md"
  {
    printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: dwbase\n\n'
    printf 'Files: *\nCopyright: the dwbase authors\nLicense: Expat\n'
    sed 's/^$/./; s/^/ /' LICENSE
  } >"$root/usr/share/doc/dwbase/copyright"
  {
    printf 'dwbase (%s) unstable; urgency=medium\n\n  * See README.md and the changes of the release.\n\n' "$VERSION"
    printf ' -- dwbase maintainers <maintainers@dwbase.invalid>  %s\n' "$(date -u -R -d "@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}")"
  } | gzip -9n >"$root/usr/share/doc/dwbase/changelog.gz"
}

rm -f "$dist"/dwbase_*.deb
for arch in amd64 arm64; do
  binary=$dist/dwbase-linux-$([ "$arch" = amd64 ] && echo x64 || echo arm64)
  [ -f "$binary" ] || { echo "there is no $binary; run npm run build" >&2; exit 1; }
  stage "$work/$arch" "$binary"
  sed -e "s|\${ARCH}|$arch|; s|\${VERSION}|$VERSION|; s|\${STAGE}|$work/$arch|" deploy/package/nfpm.yaml >"$work/nfpm.yaml"
  "$nfpm" package --config "$work/nfpm.yaml" --packager deb --target "$dist/"
done
