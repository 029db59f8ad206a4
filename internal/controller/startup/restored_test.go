package startup

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAProcessEndsWhenTheResourceVersionGoesBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		versions []string // answers, one at each look; empty: an error
		ends     int      // at the look of this number; 0: never
	}{
		{"it grows or stays", []string{"7", "9", "9", "10", "1000"}, 0},
		{"it goes back", []string{"10", "1000", "999"}, 3},
		{"it has a digit less", []string{"1000", "999"}, 2},
		{"it goes back while the API server does not answer", []string{"1000", "", "", "400", "401"}, 4},
		{"the API server answers late for the first time", []string{"", "", "400", "401"}, 0},
		{"versions have no order", []string{"b", "a", "5", "x", "6"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				looks := 0
				v := Versions{Host: "https://k8s", Latest: func(context.Context) (string, error) {
					if looks++; looks >= len(c.versions) {
						cancel()
					}
					if version := c.versions[looks-1]; version != "" {
						return version, nil
					}
					return "", errors.New("refused")
				}}
				back := 0
				v.OnBack(func() { back++ })
				began := time.Now()
				err := v.Run(ctx)
				if want := min(c.ends, 1); back != want {
					t.Errorf("told %d times, want %d", back, want)
				}
				if ended := err != nil; ended != (c.ends > 0) || ended && looks != c.ends {
					t.Errorf("after %d looks: %v", looks, err)
				}
				if took := time.Since(began); took > time.Duration(len(c.versions))*versionInterval {
					t.Errorf("it took %v", took)
				}
				if err != nil && !strings.Contains(err.Error(), "https://k8s went back from resource version 1000 to ") {
					t.Errorf("it says %q", err)
				}
			})
		})
	}
}
