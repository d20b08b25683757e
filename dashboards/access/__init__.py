"""Who may see and do what: login, sessions, the guard over every route, and the scope of a site."""
