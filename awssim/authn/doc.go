// Package authn is how an application load balancer finds out who its client is: sign-in with an OpenID provider kept in
// session cookies, and validation of bearer tokens. It holds no HTTP server, no rules and no provider: requests come as values,
// verdicts go as values. It may import the standard library, go-jose and x/sync; clock, entropy and transport are injected.
package authn
