"""The pages of a service in a real browser: what a person sees, hears and can do."""
