package imds

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
)

// longestToken is the longest life of a token, in seconds. EC2 User Guide, "Use the Instance Metadata Service".
const longestToken = 21600

// Headers of the service.
const (
	lifeHeader  = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
	tokenHeader = "X-Aws-Ec2-Metadata-Token"
)

// Metadata is the instance metadata service of one instance, under /latest/. Every question needs a token, as of
// instances that require version 2. How many hops an answer goes is not simulated.
type Metadata struct {
	account  *account.Account
	instance string
	key      []byte // of the tokens
}

// NewMetadata is the service of the instance with that id.
func NewMetadata(a *account.Account, instance string) *Metadata {
	key := sha256.Sum256([]byte("tokens of " + instance + " in " + a.ID))
	return &Metadata{account: a, instance: instance, key: key[:]}
}

// ServeHTTP answers one question.
func (m *Metadata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "EC2ws")
	if r.URL.Path == "/latest/api/token" {
		m.giveToken(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	left, ok := m.life(r.Header.Get(tokenHeader))
	if !ok {
		http.Error(w, "Unauthorized", http.StatusUnauthorized)
		return
	}
	w.Header().Set(lifeHeader, strconv.Itoa(int(left/time.Second)))
	asked, ok := strings.CutPrefix(r.URL.Path, "/latest/")
	if !ok {
		http.Error(w, "Not Found", http.StatusNotFound)
		return
	}
	body, ok := m.read(asked)
	if !ok {
		http.Error(w, "Not Found", http.StatusNotFound)
		return
	}
	answer(w, "text/plain", body)
}

// giveToken answers PUT /latest/api/token. Requests that came through a proxy are refused, so that an open proxy on the
// instance gives nothing away.
func (m *Metadata) giveToken(w http.ResponseWriter, r *http.Request) {
	life, err := strconv.Atoi(r.Header.Get(lifeHeader))
	switch {
	case r.Method != http.MethodPut:
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
	case r.Header.Get("X-Forwarded-For") != "":
		http.Error(w, "Forbidden", http.StatusForbidden)
	case err != nil || life < 1 || life > longestToken:
		http.Error(w, "Bad Request", http.StatusBadRequest)
	default:
		w.Header().Set(lifeHeader, strconv.Itoa(life))
		answer(w, "text/plain", m.token(m.account.Clock.Now().Add(time.Duration(life)*time.Second)))
	}
}

// token is valid until then; nothing is stored, because the token holds its end, sealed.
func (m *Metadata) token(until time.Time) string {
	end := binary.BigEndian.AppendUint64(nil, uint64(until.UnixNano()))
	return base64.URLEncoding.EncodeToString(append(end, m.seal(end)...))
}

func (m *Metadata) seal(end []byte) []byte {
	mac := hmac.New(sha256.New, m.key)
	mac.Write(end)
	return mac.Sum(nil)
}

// life is how long a token is valid yet.
func (m *Metadata) life(token string) (time.Duration, bool) {
	b, err := base64.URLEncoding.DecodeString(token)
	if err != nil || len(b) != 8+sha256.Size || !hmac.Equal(b[8:], m.seal(b[:8])) {
		return 0, false
	}
	left := time.Unix(0, int64(binary.BigEndian.Uint64(b))).Sub(m.account.Clock.Now())
	return left, left > 0
}

// read is what is under a path: a value, or the names in a directory, those of directories with a slash.
func (m *Metadata) read(asked string) (string, bool) {
	a := m.account
	a.Lock()
	defer a.Unlock()
	i, ok := a.Instance(m.instance)
	if !ok {
		return "", false
	}
	all := leaves(a, i)
	if leaf := all[strings.TrimSuffix(asked, "/")]; leaf != nil {
		return leaf(), true
	}
	directory := path.Clean("/" + asked)[1:]
	if directory != "" {
		directory += "/"
	}
	var names []string
	for p := range all {
		rest, inside := strings.CutPrefix(p, directory)
		if !inside {
			continue
		}
		name, _, deeper := strings.Cut(rest, "/")
		if deeper {
			name += "/"
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, "\n"), len(names) > 0
}
