"""A champion in other runtimes' forms, each proved equal before it is handed out."""
