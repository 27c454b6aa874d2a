"""The engine and the parts it is put together from."""
