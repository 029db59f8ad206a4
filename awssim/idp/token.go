package idp

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// oauthError is an answer of RFC 6749 section 5.2.
func oauthError(w http.ResponseWriter, status int, code string) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="token"`)
	}
	writeJSON(w, status, map[string]string{"error": code})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		serverError(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that left is no concern
}

// caller authenticates the client of a token request, by header or by form.
func (p *Provider) caller(r *http.Request) (Client, bool) {
	id, secret := r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	if user, password, ok := r.BasicAuth(); ok {
		var err1, err2 error
		id, err1 = url.QueryUnescape(user)
		secret, err2 = url.QueryUnescape(password)
		if err1 != nil || err2 != nil {
			return Client{}, false
		}
	}
	c, ok := p.client(r.Host, id)
	return c, ok && c.ID != "" && (c.Secret == "" || c.Secret == secret)
}

// token is the token endpoint.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	client, ok := p.caller(r)
	if !ok {
		oauthError(w, http.StatusUnauthorized, "invalid_client")
		return
	}
	g, refresh, problem := p.redeem(r, client)
	if problem != "" {
		oauthError(w, http.StatusBadRequest, problem)
		return
	}
	answer, err := p.issue(g, refresh)
	if err != nil {
		serverError(w, err)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

// redeem takes what a token request brings. Refresh is the refresh token to answer with, if one is kept.
func (p *Provider) redeem(r *http.Request, client Client) (g grant, refresh, problem string) {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	good := func(ok bool) bool { return ok && g.client == client.ID && now.Before(g.expires) }
	switch r.PostFormValue("grant_type") {
	case "authorization_code":
		code := r.PostFormValue("code")
		var ok bool
		g, ok = p.codes[code]
		delete(p.codes, code) // used once
		if !good(ok) || g.redirectURI != r.PostFormValue("redirect_uri") {
			return g, "", "invalid_grant"
		}
		return g, "", ""
	case "refresh_token":
		token := r.PostFormValue("refresh_token")
		var ok bool
		g, ok = p.refresh[token]
		if !good(ok) {
			return g, "", "invalid_grant"
		}
		if p.knobs.RotateRefreshTokens {
			delete(p.refresh, token)
			return g, "", ""
		}
		return g, token, ""
	case "client_credentials":
		return grant{issuer: p.issuer(r.Host), client: client.ID, scope: r.PostFormValue("scope")}, "", ""
	}
	return g, "", "unsupported_grant_type"
}

// issue makes the answer for a grant: of a user, or of a client itself.
func (p *Provider) issue(g grant, refresh string) (map[string]any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	life := cmp.Or(time.Duration(p.knobs.TokenLife), tokenLife)
	now := p.now()
	id, err := p.secret()
	if err != nil {
		return nil, err
	}
	claims := map[string]any{
		"iss": g.issuer, "aud": g.client, "client_id": g.client, "sub": g.client, "scope": g.scope, "token_use": "access",
		"iat": now.Unix(), "exp": now.Add(life).Unix(), "jti": id,
	}
	user, known := p.user(g.user)
	if known {
		claims["sub"] = user.subject()
	}
	access, err := p.sign(claims)
	if err != nil {
		return nil, err
	}
	answer := map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": int64(life / time.Second)}
	if !known {
		return answer, nil
	}
	g.expires = now.Add(life)
	p.file(p.access, access, g)
	if slices.Contains(strings.Fields(g.scope), "openid") && p.knobs.IDToken != "missing" {
		if answer["id_token"], err = p.idToken(g, user, now, life); err != nil {
			return nil, err
		}
	}
	if refresh == "" && !p.knobs.NoRefreshToken {
		g.expires = now.Add(refreshLife)
		if refresh, err = p.keep(p.refresh, g); err != nil {
			return nil, err
		}
	}
	if refresh != "" {
		answer["refresh_token"] = refresh
	}
	return answer, nil
}

// idToken makes an ID token, spoilt as the knob requires; the lock is held.
func (p *Provider) idToken(g grant, user User, now time.Time, life time.Duration) (string, error) {
	claims := map[string]any{
		"iss": g.issuer, "aud": g.client, "sub": user.subject(), "iat": now.Unix(), "exp": now.Add(life).Unix(),
		"token_use": "id",
	}
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	switch p.knobs.IDToken {
	case "malformed":
		return "malformed", nil
	case "issuer":
		claims["iss"] = g.issuer + "/other"
	case "audience":
		claims["aud"] = []string{"other"}
	case "expired":
		claims["exp"] = now.Add(-time.Minute).Unix()
	case "subject":
		delete(claims, "sub")
	}
	return p.sign(claims)
}

// keyID names the provider's only key.
const keyID = "simulated-1"

// sign makes a JWT in RS256.
func (p *Provider) sign(claims map[string]any) (string, error) {
	key, err := p.key()
	if err != nil {
		return "", fmt.Errorf("make the provider's key: %w", err)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: keyID}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode a token: %w", err)
	}
	signed, err := s.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return signed.CompactSerialize()
}

// Token makes an access token in RS256 with these claims besides the issuer's of the host; they may replace "exp",
// "iat" and the others. It is for tests of token validation.
func (p *Provider) Token(host string, claims map[string]any) (string, error) {
	now := p.now()
	all := map[string]any{"iss": p.issuer(host), "iat": now.Unix(), "exp": now.Add(tokenLife).Unix()}
	maps.Copy(all, claims)
	return p.sign(all)
}

// userInfo is the user info endpoint (OpenID Connect Core 5.3).
func (p *Provider) userInfo(w http.ResponseWriter, r *http.Request) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	p.mu.Lock()
	g, ok := p.access[token]
	knobs := p.knobs
	p.mu.Unlock()
	user, known := p.user(g.user)
	if !ok || !known || !strings.EqualFold(scheme, "Bearer") || !p.now().Before(g.expires) {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token"})
		return
	}
	claims := maps.Clone(user.Claims)
	if claims == nil {
		claims = map[string]any{}
	}
	claims["sub"] = cmp.Or(knobs.UserInfoSubject, user.subject())
	if knobs.ClaimsBytes > 0 {
		claims["filling"] = ""
		bare, err := json.Marshal(claims)
		if err != nil {
			serverError(w, err)
			return
		}
		claims["filling"] = strings.Repeat("x", max(0, knobs.ClaimsBytes-len(bare)))
	}
	writeJSON(w, http.StatusOK, claims)
}

// keys is the key set.
func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	key, err := p.key()
	if err != nil {
		serverError(w, err)
		return
	}
	writeJSON(w, http.StatusOK, jose.JSONWebKeySet{
		Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: keyID, Algorithm: "RS256", Use: "sig"}}})
}

// configuration is the discovery document (OpenID Connect Discovery 1.0).
func (p *Provider) configuration(w http.ResponseWriter, r *http.Request) {
	base := "https://" + r.Host
	keys := base + "/.well-known/jwks.json"
	issuer := p.issuer(r.Host)
	if pool := r.PathValue("pool"); pool != "" {
		issuer, keys = base+"/"+pool, base+"/"+pool+"/.well-known/jwks.json"
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer": issuer, "authorization_endpoint": base + "/authorize", "token_endpoint": base + "/token",
		"userinfo_endpoint": base + "/userinfo", "jwks_uri": keys, "end_session_endpoint": base + "/logout",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"}, "scopes_supported": []string{
			"openid", "email", "profile"},
		"grant_types_supported":                 []string{"authorization_code", "refresh_token", "client_credentials"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
	})
}
