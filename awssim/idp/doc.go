// Package idp is a small OpenID provider for tests: discovery, a sign-in page, tokens, user info, keys, sign-out, under any host
// name, and the same as a Cognito user pool's domain. It can be told to fail. It knows nothing of load balancers and listens
// nowhere: it is a handler. It may import the standard library and go-jose; clock and entropy are injected.
package idp
