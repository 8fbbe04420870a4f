"""Writes the root directory of the pause container's image, a tar with one program, as C.

usage: pause_image.py PROGRAM OUTPUT.c
"""
import io
import sys
import tarfile


def tar_of(program):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        entry = tarfile.TarInfo("pause")
        entry.mode = 0o755
        entry.size = len(program)
        tar.addfile(entry, io.BytesIO(program))
    return out.getvalue().rstrip(b"\0").ljust(entry_end(len(program)), b"\0")


def entry_end(size):
    """Header, the file in blocks, and the two empty blocks that end a tar."""
    return 512 + (size + 511) // 512 * 512 + 1024


def main(program, output):
    with open(program, "rb") as f:
        data = tar_of(f.read())
    with open(output, "w", encoding="ascii") as f:
        f.write('#include "agent/pause/pause_image.h"\n\nconst unsigned char pause_image_tar[] = {\n')
        for at in range(0, len(data), 32):
            f.write(",".join(str(byte) for byte in data[at:at + 32]) + ",\n")
        f.write("};\nconst size_t pause_image_tar_len = sizeof(pause_image_tar);\n")


main(*sys.argv[1:])
