#!/bin/sh
# Lays out the file system of the image: both Dockerfiles use this script, and it checks itself against layout.txt.
# usage: rootfs.sh BINARY CA_FILE BUSYBOX FOLDER     (FOLDER must not exist)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
binary=$1 roots=$2 busybox=$3 root=$4

# What a script of a `run` task, and GitLab's runner, may expect. The rest is there as `busybox NAME`.
applets='[ ash awk base64 basename cat chmod cmp cp cut date diff dirname echo env expr false find grep gunzip gzip head
hostname id kill ln ls md5sum mkdir mktemp mv nc nslookup od printf ps pwd readlink realpath rm rmdir sed seq sh sha256sum
sleep sort stat tail tar tee test timeout touch tr true uname uniq unzip wc wget which xargs'

umask 022
mkdir "$root" "$root/bin" "$root/etc" "$root/etc/ssl" "$root/etc/ssl/certs" "$root/tmp"
chmod 1777 "$root/tmp"
cp "$binary" "$root/iter8"
cp "$busybox" "$root/bin/busybox"
cp "$roots" "$root/etc/ssl/certs/ca-certificates.crt"
chmod 0755 "$root/iter8" "$root/bin/busybox"
chmod 0644 "$root/etc/ssl/certs/ca-certificates.crt"
ln -s ../iter8 "$root/bin/iter8"
known=$("$busybox" --list)
for applet in $applets; do
  case "
$known
" in
    *"
$applet
"*) ln -s busybox "$root/bin/$applet" ;;
    *) echo "busybox has no $applet" >&2 && exit 1 ;;
  esac
done

# Nothing dynamic: there is no loader in the image.
for file in "$root/iter8" "$root/bin/busybox"; do
  if readelf -l "$file" | grep -q 'INTERP'; then
    echo "$file is not static" >&2 && exit 1
  fi
done

(cd "$root" && find . -mindepth 1 -printf '%M %P %l\n' | sed 's/ *$//' | LC_ALL=C sort -k 2) > "$root.layout"
diff "$here/layout.txt" "$root.layout" >&2 || { echo "the layout of the image is not that of layout.txt" >&2 && exit 1; }
rm "$root.layout"
