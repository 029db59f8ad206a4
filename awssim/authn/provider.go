package authn

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

const (
	maxClaims        = 11 << 10 // bytes of the user info answer
	maxTokenResponse = 64 << 10
)

// tokens are what a token endpoint answers (OpenID Connect Core 3.1.3.3).
type tokens struct {
	AccessToken  string  `json:"access_token"`
	TokenType    string  `json:"token_type"`
	IDToken      string  `json:"id_token"`
	RefreshToken string  `json:"refresh_token"`
	ExpiresIn    float64 `json:"expires_in"` // seconds
	Error        string  `json:"error"`
}

// token calls the token endpoint as the client.
func (a *Authenticator) token(ctx context.Context, c *OIDC, form url.Values) (tokens, error) {
	req, err := http.NewRequest(http.MethodPost, c.TokenEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return tokens{}, failed(UnhandledException, fmt.Errorf("token endpoint: %w", err))
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(c.ClientID), url.QueryEscape(c.ClientSecret)) // RFC 6749 section 2.3.1
	status, body, _, err := a.call(ctx, req, maxTokenResponse)
	var t tokens
	switch {
	case errors.Is(err, errTooLong):
		return tokens{}, failed(InvalidTokenResponse, err)
	case err != nil:
		return tokens{}, failed(TokenEndpointRequestTimeout, err)
	case status/100 != 2:
		if json.Unmarshal(body, &t) == nil && t.Error == "invalid_grant" {
			return tokens{}, failed(InvalidGrantError, fmt.Errorf("the token endpoint answers %d: %s", status, t.Error))
		}
		return tokens{}, failed(TokenEndpointRequestFailed, fmt.Errorf("the token endpoint answers %d", status))
	}
	if err := json.Unmarshal(body, &t); err != nil {
		return tokens{}, failed(InvalidTokenResponse, err)
	}
	if t.AccessToken == "" || !strings.EqualFold(t.TokenType, "Bearer") {
		return tokens{}, failed(InvalidTokenResponse, fmt.Errorf("the token endpoint answers without a bearer token"))
	}
	return t, nil
}

// userInfo reads the claims about the user that the ID token names.
func (a *Authenticator) userInfo(ctx context.Context, c *OIDC, accessToken, subject string) (json.RawMessage, error) {
	req, err := http.NewRequest(http.MethodGet, c.UserInfoEndpoint, nil)
	if err != nil {
		return nil, failed(UnhandledException, fmt.Errorf("user info endpoint: %w", err))
	}
	req.Header.Set("Authorization", "Bearer "+accessToken)
	req.Header.Set("Accept", "application/json")
	status, body, contentType, err := a.call(ctx, req, maxClaims)
	switch {
	case errors.Is(err, errTooLong):
		return nil, failed(UserinfoResponseSizeExceeded, err)
	case err != nil:
		return nil, failed(UserinfoRequestTimeout, err)
	case status/100 != 2:
		return nil, failed(UserinfoRequestFailed, fmt.Errorf("the user info endpoint answers %d", status))
	}
	if media, _, err := mime.ParseMediaType(contentType); err != nil || media != "application/json" {
		return nil, failed(InvalidUserinfoResponse, fmt.Errorf("the user info endpoint answers %q, not application/json",
			contentType))
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	if err := json.Unmarshal(body, &claims); err != nil {
		return nil, failed(InvalidUserinfoResponse, err)
	}
	if claims.Subject != subject {
		return nil, failed(InvalidUserinfoResponse, fmt.Errorf("the user info is about %q, the ID token about %q",
			claims.Subject, subject))
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, body); err != nil {
		return nil, failed(InvalidUserinfoResponse, err)
	}
	return compact.Bytes(), nil
}

var errTooLong = errors.New("the answer is too long")

// call sends one request and reads at most limit bytes of the answer; longer ones are errTooLong.
func (a *Authenticator) call(ctx context.Context, req *http.Request, limit int64) (status int, body []byte,
	contentType string, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	res, err := a.client.Do(req.WithContext(ctx))
	if err != nil {
		return 0, nil, "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return 0, nil, "", fmt.Errorf("read the answer of %s: %w", req.URL.Host, err)
	}
	if int64(len(body)) > limit {
		return 0, nil, "", fmt.Errorf("%s: %w: more than %d bytes", req.URL.Host, errTooLong, limit)
	}
	return res.StatusCode, body, res.Header.Get("Content-Type"), nil
}
