"""Signing in at somebody who vouches for people: OpenID Connect, with code, PKCE and nonce."""
