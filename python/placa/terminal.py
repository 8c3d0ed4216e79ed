"""Tables on the terminal, on stdout."""

from __future__ import annotations

import pandas as pd


def print_predictions(table: pd.DataFrame, rows: int = 20) -> None:
    """Print predictions as a table on stdout, `rows` of them at most; all of them where that is 0."""
    from rich.console import Console
    from rich.table import Table

    shown = table if rows == 0 else table.head(rows)
    grid = Table(box=None, header_style="bold")
    grid.add_column("image", overflow="fold")
    grid.add_column("finding")
    grid.add_column("probability", justify="right")
    grid.add_column("class")
    for row in shown.to_dict("records"):
        style = "bold" if row["class"] == "positive" else None
        grid.add_row(row["image_id"], row["finding"], f"{row['probability']:.3f}", row["class"], style=style)
    console = Console()
    console.print(grid)
    if len(shown) < len(table):
        console.print(f"… and {len(table) - len(shown):,} more (--rows 0 prints all, --out writes a file)")
