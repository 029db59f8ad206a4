package namesake

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// looks lets a controller read the Leases every 15 seconds. It returns what is said, each with its time.
func looks(l *Leaders, span time.Duration, at func(time.Duration) []Leader) (said []string) {
	began := time.Unix(0, 0)
	var now time.Duration
	l.OnChange = func(text string) { said = append(said, fmt.Sprintf("%s %s", now, text)) }
	for ; now < span; now += 15 * time.Second {
		l.Saw(at(now), began.Add(now))
	}
	return said
}

// renewed is a Lease that its holder renews every two seconds between two times, and that stays after them.
func renewed(lease, holder string, from, to, now time.Duration) []Leader {
	if now < from {
		return nil
	}
	return []Leader{{Lease: lease, Holder: holder, Renewal: min(now, to).Truncate(2 * time.Second).String()}}
}

func TestLeaderOfAnotherNamespaceIsFoundInAMinute(t *testing.T) {
	t.Parallel()
	const own = "kube-system/leader"
	for holder, who := range map[string]string{"pod_lbc-1": "another release of this controller",
		"pod_1": "the existing AWS Load Balancer Controller"} {
		said := looks(&Leaders{Own: own}, 20*time.Minute, func(now time.Duration) []Leader {
			return append(renewed(own, "me_lbc-2", 0, time.Hour, now), renewed("other/leader", holder, 5*time.Minute,
				10*time.Minute, now)...)
		})
		want := "5m45s a second controller works in this cluster: " + who + " holds Lease other/leader as " + holder +
			", while this one leads by Lease kube-system/leader"
		if len(said) != 2 || said[0] != want || said[1] != "11m15s " {
			t.Errorf("said %q", said)
		}
	}
}

func TestLeaderWithoutElectionKnowsEachLease(t *testing.T) {
	t.Parallel()
	said := looks(&Leaders{}, 2*time.Minute, func(now time.Duration) []Leader {
		return renewed("a/leader", "pod_1", 0, time.Hour, now)
	})
	if len(said) != 1 || !strings.HasSuffix(said[0], "while this one leads without election") {
		t.Errorf("said %q", said)
	}
}

func TestLeasesThatNobodyRenewsAreNoLeaders(t *testing.T) {
	t.Parallel()
	for what, at := range map[string]func(time.Duration) []Leader{
		"left behind": func(now time.Duration) []Leader { return renewed("a/leader", "pod_1", 0, 0, now) },
		"given back":  func(now time.Duration) []Leader { return renewed("a/leader", "", 0, time.Hour, now) },
		"replaced meanwhile": func(now time.Duration) []Leader {
			return renewed("a/leader", "pod_1", 0, 25*time.Second, now)
		},
		"its own": func(now time.Duration) []Leader {
			return renewed("kube-system/leader", "pod_1", 0, time.Hour, now)
		},
		"renewed once an hour": func(now time.Duration) []Leader {
			return renewed("a/leader", "pod_1", 0, time.Hour, now.Truncate(time.Hour/2))
		},
	} {
		if said := looks(&Leaders{Own: "kube-system/leader"}, 3*time.Hour, at); len(said) != 0 {
			t.Errorf("%s: said %q", what, said)
		}
	}
}

func TestOneLeaderIsNamedUntilItIsGone(t *testing.T) {
	t.Parallel()
	said := looks(&Leaders{Own: "kube-system/leader"}, time.Hour, func(now time.Duration) []Leader {
		return append(renewed("b/leader", fmt.Sprint("pod_", now), 0, 20*time.Minute, now),
			renewed("a/leader", "pod_1", time.Minute, 40*time.Minute, now)...)
	})
	if len(said) != 3 || !strings.Contains(said[0], "b/leader") || !strings.Contains(said[1], "a/leader") ||
		strings.Contains(said[2], "second") {
		t.Errorf("said %q", said)
	}
}
