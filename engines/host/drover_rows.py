# engines/host/drover_rows.py - a table that comes in pages of any size, written in chunks of a useful one.
# SPDX-License-Identifier: Apache-2.0
from drover_results import CHUNK_ROWS, by_column, next_rows


class PagedTable:
    """Holds at most one page and one chunk."""

    def __init__(self, results, names, types, name=""):
        self.names, self.held, self.chunk_rows, self.is_cut = names, [], CHUNK_ROWS // 8, False
        self.table = results.begin_table(names, name)
        self.table.types = list(types)

    def add(self, rows):
        """False: a limit is reached, nothing more is taken."""
        self.held += rows
        while len(self.held) >= self.chunk_rows and not self.is_cut:
            self.write()
        return not self.is_cut

    def write(self):
        rows, self.held = self.held[:self.chunk_rows], self.held[self.chunk_rows:]
        self.is_cut = not self.table.add(by_column(rows, self.names))
        self.chunk_rows = next_rows(self.chunk_rows, self.table.text_size)

    def close(self, complete=True):
        """What came is kept, whatever ended it."""
        while self.held and not self.is_cut:
            self.write()
        self.table.close(complete)


def unique(names):
    """`select 1 as a, 2 as a` is no reason to lose one of them."""
    seen, out = {}, []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return out
