package renewal

import (
	"testing"
	"time"
)

func TestLateIsAShareOfTheLifetime(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, x := range []struct {
		name    string
		life    time.Duration
		unknown bool
		want    time.Duration // before the end
	}{
		{"of a year", 365 * day, false, 14 * day},
		{"of 47 days", 47 * day, false, 47 * day / 4},
		{"of six days", 6 * day, false, 36 * time.Hour},
		{"of an unknown beginning", 47 * day, true, 14 * day},
		{"that ends before it begins", -day, false, 14 * day},
	} {
		begun, until := from, from.Add(x.life)
		if x.unknown {
			begun = time.Time{}
		}
		if got := until.Sub(Late(begun, until, Share, 14*day)); got != x.want {
			t.Errorf("a certificate %s is overdue %s before its end, not %s", x.name, got, x.want)
		}
	}
	if got := Late(from, time.Time{}, Share, day); !got.IsZero() {
		t.Errorf("a certificate without an end is overdue on %s", got)
	}
}
