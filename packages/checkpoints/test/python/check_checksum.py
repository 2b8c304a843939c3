"""The checksums in the record of a merge, from their definition: python check_checksum.py FILE RANGES"""

import sys

import numpy as np

path, *ranges = sys.argv[1:]
data = np.fromfile(path, np.uint8)
read = np.zeros(-(-data.size // 4) * 4, np.uint8)
for part in ranges:
    begin, end = map(int, part.split(":"))
    read[begin:end] = data[begin:end]
words = read.view("<u4").astype(np.uint64)
index = np.arange(words.size, dtype=np.uint64)
mask = np.uint64(2**32 - 1)
print(f"{int(words.sum() & mask):08x}{int((words * index & mask).sum() & mask):08x}")
