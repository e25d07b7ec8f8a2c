"""What must hold, checked from the rows: one module for each kind of row.

A check is a function that yields every row that is wrong. Most ask the database one question
whose answer is only the wrong rows; none keeps more than one account in memory.
"""
