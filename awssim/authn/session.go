package authn

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

const (
	maxShards  = 4
	maxCookie  = 4096 // bytes of one cookie with its attributes, what browsers take
	cookieLife = 7 * 24 * time.Hour
)

// session is what a client carries in its cookies. Times are in Unix seconds.
type session struct {
	Subject       string          `json:"s"`
	AccessToken   string          `json:"a"`
	RefreshToken  string          `json:"r,omitempty"`
	Claims        json.RawMessage `json:"c"`
	AccessExpires int64           `json:"x,omitempty"` // 0: the provider gave no time
	Until         int64           `json:"u"`           // the session's own end
}

// validity is what the cookies of a request are worth.
type validity int

const (
	absent validity = iota
	invalid
	expired
	valid
)

func sessionUse(signer string, c *OIDC) string { return "session\x00" + signer + "\x00" + c.Key() }

// readSession joins and opens the cookies of a request.
func (a *Authenticator) readSession(r Request, c *OIDC) (session, validity) {
	value := ""
	sent := sentCookies(r.Header)
	for i := range maxShards {
		shard, ok := sent[shardName(c, i)]
		if !ok {
			break
		}
		value += shard
	}
	if value == "" {
		return session{}, absent
	}
	plain, ok := a.sealer.open(sessionUse(r.Signer, c), value)
	var s session
	switch {
	case !ok || json.Unmarshal(plain, &s) != nil:
		return session{}, invalid
	case a.now().Unix() >= s.Until:
		return session{}, expired
	}
	return s, valid
}

// writeSession makes the cookies for a session; shards that the client has beyond them are taken away. A session that
// does not fit is the client's loss: 401.
func (a *Authenticator) writeSession(r Request, c *OIDC, s session) ([]string, error) {
	plain, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode the session: %w", err)
	}
	value, err := a.sealer.seal(sessionUse(r.Signer, c), plain)
	if err != nil {
		return nil, err
	}
	attributes := cookieAttributes(a.now().Add(cookieLife))
	var cookies []string
	for i := 0; value != ""; i++ {
		if i == maxShards {
			return nil, &failure{
				reason: UserinfoResponseSizeExceeded, status: http.StatusUnauthorized,
				cause: errors.New("claims and tokens do not fit in " + strconv.Itoa(maxShards) + " cookies"),
			}
		}
		name := shardName(c, i)
		n := min(len(value), maxCookie-len(name)-1-len(attributes))
		cookies = append(cookies, name+"="+value[:n]+attributes)
		value = value[n:]
	}
	sent := sentCookies(r.Header)
	for i := len(cookies); i < maxShards; i++ {
		if name := shardName(c, i); sent[name] != "" {
			cookies = append(cookies, name+"="+cookieAttributes(time.Unix(0, 0)))
		}
	}
	return cookies, nil
}

func shardName(c *OIDC, i int) string { return c.Cookie + "-" + strconv.Itoa(i) }

// cookieAttributes end a Set-Cookie; SameSite=None lets the cookie go with requests of scripts of other sites.
func cookieAttributes(expires time.Time) string {
	return "; Expires=" + expires.UTC().Format(http.TimeFormat) + "; Path=/; Secure; HttpOnly; SameSite=None"
}

// sentCookies are a request's cookies by name, the first of each.
func sentCookies(h http.Header) map[string]string {
	sent := map[string]string{}
	for _, c := range (&http.Request{Header: h}).Cookies() {
		if _, dup := sent[c.Name]; !dup {
			sent[c.Name] = c.Value
		}
	}
	return sent
}
