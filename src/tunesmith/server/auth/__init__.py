"""Who is there: API keys, logins and the tokens they give."""
