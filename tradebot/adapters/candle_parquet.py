"""Read candles from Parquet, for those who installed the extra `parquet`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from tradebot.adapters.candle_cells import find_columns
from tradebot.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


def _floats(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return decimals as float64, which candles are; other columns as they are."""
    import pyarrow as pa

    return column.cast(pa.float64()) if pa.types.is_decimal(column.type) else column


def load_parquet(path: Path, *, size_max: int) -> tuple[pd.DataFrame, str]:
    """Return the columns `time` and the values as they are, and the time column's own name."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise DataError(
            f"{path.name}: reading Parquet needs pyarrow",
            "pip install 'tradebot[parquet]', or save the file as CSV",
        ) from None
    try:
        with pq.ParquetFile(path) as file:
            wanted = find_columns(file.schema_arrow.names, file=path.name)
            groups = (file.metadata.row_group(i) for i in range(file.num_row_groups))
            if sum(group.total_byte_size for group in groups) > size_max:
                raise DataError(
                    f"{path.name}: more than {size_max} bytes of data",
                    "split it into smaller files",
                )
            table = file.read(columns=list(wanted.values()))
            columns = {
                ours: _floats(table.column(theirs)).to_pandas() for ours, theirs in wanted.items()
            }
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path.name}: damaged Parquet: {reason}", "download it again") from None
    return pd.DataFrame(columns), wanted["time"]
