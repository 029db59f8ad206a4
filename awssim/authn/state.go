package authn

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// NonceCookie binds a sign-in to the browser that began it.
const NonceCookie = "AWSALBAuthNonce"

// loginLimit is how long a sign-in may take.
const loginLimit = 15 * time.Minute

// login is a sign-in under way; it travels through the provider as the state parameter.
type login struct {
	Key   string `json:"k"` // of the configuration
	Host  string `json:"h"`
	URI   string `json:"u"`
	Nonce string `json:"n"`
	Began int64  `json:"b"` // Unix seconds
}

// redirectURI is where the provider sends the client back to.
func (l *login) redirectURI() string { return "https://" + l.Host + ResponsePath }

func stateUse(signer string) string { return "state\x00" + signer }
func nonceUse(signer string) string { return "nonce\x00" + signer }

// nonce is the client's, or a new one: several tabs may be signing in at a time.
func (a *Authenticator) nonce(r Request) (value string, cookie string, err error) {
	sealed := sentCookies(r.Header)[NonceCookie]
	plain, ok := a.sealer.open(nonceUse(r.Signer), sealed)
	if !ok {
		plain = make([]byte, 16)
		if _, err := io.ReadFull(a.sealer.entropy, plain); err != nil {
			return "", "", fmt.Errorf("make a nonce: %w", err)
		}
		if sealed, err = a.sealer.seal(nonceUse(r.Signer), plain); err != nil {
			return "", "", err
		}
	}
	return base64.RawURLEncoding.EncodeToString(plain), NonceCookie + "=" + sealed +
		cookieAttributes(a.now().Add(cookieLife)), nil
}

// writeState seals a sign-in.
func (a *Authenticator) writeState(r Request, l login) (string, error) {
	plain, err := json.Marshal(l)
	if err != nil {
		return "", fmt.Errorf("encode the state: %w", err)
	}
	return a.sealer.seal(stateUse(r.Signer), plain)
}

// readState opens the state that a provider gave back and holds it against the nonce cookie and the clock.
func (a *Authenticator) readState(r Request, state string) (login, error) {
	if state == "" {
		return login{}, failed(MissingStateParam, errors.New("the provider gave back no state"))
	}
	var l login
	plain, ok := a.sealer.open(stateUse(r.Signer), state)
	if !ok || json.Unmarshal(plain, &l) != nil {
		return login{}, failed(InvalidStateParam, fmt.Errorf("the state was not made by this load balancer"))
	}
	if age := a.now().Sub(time.Unix(l.Began, 0)); age > loginLimit {
		return login{}, failed(InvalidStateParam, fmt.Errorf("the sign-in took %s, and %s is the limit", age, loginLimit))
	}
	nonce, ok := a.sealer.open(nonceUse(r.Signer), sentCookies(r.Header)[NonceCookie])
	if !ok {
		return login{}, failed(InvalidCookie, fmt.Errorf("the cookie %s is missing or not ours", NonceCookie))
	}
	if subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(nonce)), []byte(l.Nonce)) != 1 {
		return login{}, failed(InvalidStateParam, fmt.Errorf("another browser began the sign-in"))
	}
	return l, nil
}
