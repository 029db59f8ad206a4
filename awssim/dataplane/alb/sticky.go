package alb

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/targetgroup"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Cookies of stickiness; the CORS twins carry the same value.
const (
	groupCookie      = "AWSALBTG"
	groupCookieCORS  = "AWSALBTGCORS"
	targetCookie     = "AWSALB"
	targetCookieCORS = "AWSALBCORS"
	appCookie        = "AWSALBAPP-" // and the number of a shard
)

const (
	appShards   = 4
	shardSize   = 4<<10 - 128 // bytes of value, so that a cookie with its attributes is below 4 KB
	shardUnused = "_remove_"
)

// cookieLife is the Expires of cookies; how long a value counts is sealed in it.
const cookieLife = 7 * 24 * time.Hour

// cookieSealer encrypts cookie values, so that clients cannot make them.
type cookieSealer struct {
	aead   cipher.AEAD
	random func() uint64
}

func newCookieSealer(random func() uint64) *cookieSealer {
	var key [32]byte
	for i := 0; i < len(key); i += 8 {
		binary.LittleEndian.PutUint64(key[i:], random())
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // the key has a right length
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has GCM's block size
	}
	return &cookieSealer{aead, random}
}

// seal makes an opaque value that holds fields until a time.
func (s *cookieSealer) seal(until time.Time, fields ...string) string {
	nonce := make([]byte, 12, 128)
	binary.LittleEndian.PutUint64(nonce, s.random())
	binary.LittleEndian.PutUint32(nonce[8:], uint32(s.random()))
	plain := strings.Join(append([]string{strconv.FormatInt(until.Unix(), 10)}, fields...), "\x00")
	return base64.StdEncoding.EncodeToString(s.aead.Seal(nonce, nonce, []byte(plain), nil))
}

// open returns the fields of a value that is ours and still counts.
func (s *cookieSealer) open(value string, now time.Time) ([]string, bool) {
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(raw) < 12 {
		return nil, false
	}
	plain, err := s.aead.Open(nil, raw[:12], raw[12:], nil)
	if err != nil {
		return nil, false
	}
	fields := strings.Split(string(plain), "\x00")
	until, err := strconv.ParseInt(fields[0], 10, 64)
	return fields[1:], err == nil && now.Unix() < until
}

// cookie opens the first of several cookies that is ours and has n fields.
func (x *exchange) cookie(n int, names ...string) ([]string, bool) {
	for _, name := range names {
		c, err := x.r.Cookie(name)
		if err != nil {
			continue
		}
		fields, ok := x.server.sessions.cookies.open(c.Value, x.now())
		if ok && len(fields) == n {
			return fields, true
		}
	}
	return nil, false
}

// stickyGroup is the target group that the client's cookie names, if the forward still has it (even at weight 0).
func (x *exchange) stickyGroup(f *stack.Forward) *targetgroup.Group {
	fields, ok := x.cookie(1, groupCookieCORS, groupCookie)
	if !ok {
		return nil
	}
	for _, w := range f.TargetGroups {
		if w.TargetGroup.Literal == fields[0] {
			return x.snapshot.TargetGroups[fields[0]]
		}
	}
	return nil
}

// stuck is a target that a client sticks to.
type stuck struct{ group, id, port string }

// appTargets are the targets, of all target groups, that the application's cookies name.
func (x *exchange) appTargets() []stuck {
	var value strings.Builder
	for i := range appShards {
		c, err := x.r.Cookie(appCookie + strconv.Itoa(i))
		if err != nil || c.Value == shardUnused {
			break
		}
		value.WriteString(c.Value)
	}
	fields, ok := x.server.sessions.cookies.open(value.String(), x.now())
	if !ok {
		return nil
	}
	var out []stuck
	for f := range slices.Chunk(fields, 3) {
		if len(f) == 3 {
			out = append(out, stuck{f[0], f[1], f[2]})
		}
	}
	return out
}

// sticks reports whether clients stick to targets of the chosen group. Application cookies do not work where several
// target groups share the requests.
func (x *exchange) sticks(s *topology.TargetGroupSettings) bool {
	return s.Sticky && (s.StickyType != "app_cookie" || !x.shared)
}

// stickyTarget is the target that the client's cookie names, if it may be chosen.
func (x *exchange) stickyTarget(g *targetgroup.Group, p *targetgroup.Pool) *targetgroup.Target {
	s := &g.Config().Settings
	if !x.sticks(s) {
		return nil
	}
	var named []stuck
	switch s.StickyType {
	case "lb_cookie":
		if f, ok := x.cookie(3, targetCookieCORS, targetCookie); ok {
			named = []stuck{{f[0], f[1], f[2]}}
		}
	case "app_cookie":
		if _, err := x.r.Cookie(s.AppCookie); err == nil { // both must come
			named = x.appTargets()
		}
	}
	for _, n := range named {
		if n.group != g.ARN {
			continue
		}
		for _, t := range p.All {
			if t.Key.ID == n.id && strconv.Itoa(int(t.Key.Port)) == n.port {
				return t
			}
		}
	}
	return nil
}

// setAppCookies adds the target to those that the application's cookies name: target groups share them.
func (x *exchange) setAppCookies(g *targetgroup.Group, t *targetgroup.Target, now time.Time) {
	fields := []string{g.ARN, t.Key.ID, strconv.Itoa(int(t.Key.Port))}
	for _, n := range x.appTargets() {
		if n.group != g.ARN {
			fields = append(fields, n.group, n.id, n.port)
		}
	}
	value := x.server.sessions.cookies.seal(now.Add(g.Config().Settings.StickyFor), fields...)
	for i := range appShards {
		shard := value[:min(len(value), shardSize)]
		value = value[len(shard):]
		if shard == "" {
			shard = shardUnused
		}
		x.addCookie(appCookie+strconv.Itoa(i), shard, now, "")
	}
}

// setCookies adds the stickiness cookies to a target's answer.
func (x *exchange) setCookies(g *targetgroup.Group, t *targetgroup.Target, res *http.Response) {
	now := x.now()
	seal := x.server.sessions.cookies.seal
	if x.groupStickiness != nil {
		until := now.Add(time.Duration(x.groupStickiness.DurationSeconds) * time.Second)
		x.setTwins(groupCookie, groupCookieCORS, seal(until, g.ARN), now, true)
	}
	s := &g.Config().Settings
	if !x.sticks(s) {
		return
	}
	value := func() string { return seal(now.Add(s.StickyFor), g.ARN, t.Key.ID, strconv.Itoa(int(t.Key.Port))) }
	switch s.StickyType {
	case "lb_cookie":
		x.setTwins(targetCookie, targetCookieCORS, value(), now, x.secure)
	case "app_cookie":
		for _, c := range res.Cookies() {
			if c.Name == s.AppCookie {
				x.setAppCookies(g, t, now)
				return
			}
		}
	}
}

// setTwins adds a cookie and its CORS twin.
func (x *exchange) setTwins(name, cors, value string, now time.Time, secure bool) {
	x.addCookie(name, value, now, "")
	suffix := "; SameSite=None"
	if secure {
		suffix += "; Secure"
	}
	x.addCookie(cors, value, now, suffix)
}

func (x *exchange) addCookie(name, value string, now time.Time, suffix string) {
	x.w.Header().Add("Set-Cookie", name+"="+value+"; Expires="+now.Add(cookieLife).UTC().Format(http.TimeFormat)+
		"; Path=/"+suffix)
}
