package alb

import (
	"strings"
	"testing"
	"time"
)

func TestCookiesExpireAndCannotBeMade(t *testing.T) {
	t.Parallel()
	n := uint64(0)
	s := newCookieSealer(func() uint64 { n++; return n })
	now := time.Unix(1_700_000_000, 0)
	value := s.seal(now.Add(time.Minute), "a", "b")
	if f, ok := s.open(value, now); !ok || len(f) != 2 || f[0] != "a" || f[1] != "b" {
		t.Errorf("%v, %v", f, ok)
	}
	for name, tc := range map[string]struct {
		value string
		at    time.Time
	}{
		"expired": {value, now.Add(time.Minute)}, "cut": {value[:len(value)-4], now}, "empty": {"", now}, "not base64": {
			"%%%", now},
		"url-encoded": {strings.ReplaceAll(value, "=", "%3D") + "%3D", now},
	} {
		if _, ok := s.open(tc.value, tc.at); ok {
			t.Errorf("%s cookie was accepted", name)
		}
	}
}
