package idp

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

// Knobs change how the provider behaves. The zero value is a provider that works and asks users to sign in.
type Knobs struct {
	AutoLogin string `json:"autoLogin,omitempty"` // a user that is signed in without a page

	// error code in place of the authorization code, such as access_denied
	AuthorizeError string `json:"authorizeError,omitempty"`
	DropCode       bool   `json:"dropCode,omitempty"`  // the authorization answer has no code
	DropState      bool   `json:"dropState,omitempty"` // the authorization answer has no state

	Token    Fault `json:"token,omitzero"`
	UserInfo Fault `json:"userInfo,omitzero"`
	Keys     Fault `json:"keys,omitzero"`

	// IDToken spoils ID tokens: missing, malformed, issuer, audience, expired or subject.
	IDToken string `json:"idToken,omitempty"`
	// UserInfoSubject makes the user info endpoint answer about another user.
	UserInfoSubject string `json:"userInfoSubject,omitempty"`

	NoRefreshToken      bool     `json:"noRefreshToken,omitempty"`
	RotateRefreshTokens bool     `json:"rotateRefreshTokens,omitempty"` // each is good for one use
	TokenLife           Duration `json:"tokenLife,omitzero"`            // of access tokens; 1h
	ClaimsBytes         int      `json:"claimsBytes,omitempty"`         // size that the user info answer is filled up to
}

// Fault makes an endpoint fail. The zero value is none.
type Fault struct {
	Delay       Duration `json:"delay,omitzero"` // before the answer; a client that leaves ends it
	Status      int      `json:"status,omitempty"`
	Body        string   `json:"body,omitempty"`        // with a status
	ContentType string   `json:"contentType,omitempty"` // of the body; application/json
}

// Duration is a time.Duration that is written as "1m30s".
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// spoilers are the values that IDToken may have.
var spoilers = []string{"missing", "malformed", "issuer", "audience", "expired", "subject"}

func (k Knobs) check(users []User) error {
	if k.AutoLogin != "" && !slices.ContainsFunc(users, func(u User) bool { return u.Name == k.AutoLogin }) {
		return fmt.Errorf("autoLogin: there is no user %q", k.AutoLogin)
	}
	if k.IDToken != "" && !slices.Contains(spoilers, k.IDToken) {
		return fmt.Errorf("idToken: %q is not one of %s", k.IDToken, strings.Join(spoilers, ", "))
	}
	if k.TokenLife < 0 || k.ClaimsBytes < 0 {
		return fmt.Errorf("tokenLife and claimsBytes may not be negative")
	}
	for endpoint, f := range map[string]Fault{"token": k.Token, "userInfo": k.UserInfo, "keys": k.Keys} {
		if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
			return fmt.Errorf("%s.status: %d is not from 200 to 599", endpoint, f.Status)
		}
	}
	return nil
}

func (k Knobs) fault(endpoint string) Fault {
	switch endpoint {
	case "token":
		return k.Token
	case "userinfo":
		return k.UserInfo
	case "keys":
		return k.Keys
	}
	return Fault{}
}

// strike waits and answers by the fault, and reports whether that was all.
func (f Fault) strike(w http.ResponseWriter, r *http.Request) bool {
	if f.Delay > 0 && sleep.For(r.Context(), time.Duration(f.Delay)) != nil {
		return true
	}
	if f.Status == 0 {
		return false
	}
	contentType := f.ContentType
	if contentType == "" {
		contentType = "application/json"
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(f.Status)
	_, _ = w.Write([]byte(f.Body)) // a client that left is no concern
	return true
}
