package awsclient

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// TestTenantsTakeTurns reads scripts: "a" is a call of tenant a that waits, "+a" one that did not have to wait, "~a"
// one of low priority, "-a" has the last waiting call of a leave, and "." serves one.
func TestTenantsTakeTurns(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ script, want string }{
		"one tenant in order of arrival":            {"a a a . . . .", "a1 a2 a3 -"},
		"a tenant with one call beside many":        {"a a a a b . . . . .", "a1 b1 a2 a3 a4"},
		"who comes later has the next turn":         {"a a a a . . b . . .", "a1 a2 b1 a3 a4"},
		"who had its turn waits for the others":     {"a a a . b . b . .", "a1 b1 a2 b2"},
		"who just went without waiting comes later": {"+a a b . .", "b1 a1"},
		"who went long ago is not the last":         {"+b +a +a a b . .", "b1 a1"},
		"three tenants in rounds":                   {"a a b b c c . . . . . .", "a1 b1 c1 a2 b2 c2"},
		"a tenant that gave up has no turn":         {"a b b -b -b a . . .", "a1 a2 -"},
		"a call that gave up has no turn":           {"a a -a b . . .", "a1 b1 -"},
		"what a tenant needs least comes last":      {"~a ~a a b . . . .", "a3 b1 a1 a2"},
		"it has turns beside those of others":       {"a a a ~b . . . .", "a1 b1 a2 a3"},
		"nothing waits":                             {". a . .", "- a1 -"},
		"calls of an edit wait for no other tenant": {"a a a a a a b b b b b b . . . . . . . . d . d . d . d . d . .",
			"a1 b1 a2 b2 a3 b3 a4 b4 d1 d2 d3 d4 a5 b5"},
		"who has no credit left waits for all": {"a a a a a a a a . . . . . b b b b b b b . . . . . . .",
			"a1 a2 a3 a4 a5 b1 b2 b3 b4 b5 a6 b6"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var q turns
			var got []string
			names, counts, last := map[*waiter]string{}, map[string]int{}, map[string][]*waiter{}
			for step := range strings.FieldsSeq(tc.script) {
				switch tenant := step[len(step)-1:]; {
				case step == ".":
					if w := q.pop(); w != nil {
						got = append(got, names[w])
					} else {
						got = append(got, "-")
					}
				case step[0] == '+':
					q.pass(tenant)
				case step[0] == '-':
					of := last[tenant]
					q.leave(of[len(of)-1])
					last[tenant] = of[:len(of)-1]
				default:
					w := &waiter{low: step[0] == '~'}
					counts[tenant]++
					names[w] = tenant + string(rune('0'+counts[tenant]))
					last[tenant] = append(last[tenant], w)
					q.push(tenant, w)
				}
			}
			if want := strings.Fields(tc.want); !slices.Equal(got, want) {
				t.Errorf("served %v, want %v", got, want)
			}
		})
	}
}

func TestTurnsForgetTenantsThatDoNotWait(t *testing.T) {
	t.Parallel()
	var q turns
	for range 1000 {
		w := &waiter{}
		q.push("gone", w)
		q.leave(w)
		q.push("served", &waiter{})
		q.pop()
	}
	if q.pop() != nil || len(q.calls)+len(q.order)+q.waiting() > 0 || len(q.had) > 2 {
		t.Errorf("%d tenants are remembered: %+v", len(q.calls), q)
	}
}

// TestNormalCallsHaveTurnsBesideVitalOnes has the targets of a tenant fill a bucket.
func TestNormalCallsHaveTurnsBesideVitalOnes(t *testing.T) {
	t.Parallel()
	b := &bucket{rate: 10}
	for range 10 {
		b.waiting[capacity].push("a", &waiter{})
		b.waiting[vital].push("a", &waiter{})
		b.waiting[normal].push("b", &waiter{})
		b.waiting[normal+1].push("c", &waiter{})
	}
	var got []string
	for range 12 {
		rank := b.nextRank()
		b.waiting[rank].pop()
		got = append(got, [...]string{"capacity", "vital", "normal", "cosmetic"}[rank])
	}
	want := strings.Fields("capacity capacity vital normal capacity capacity vital normal capacity capacity vital normal")
	if !slices.Equal(got, want) {
		t.Errorf("served %v, want %v", got, want)
	}
}

// metered is a Limiter before the simulator's token buckets of AWS.
type metered struct {
	*Limiter
	aws     *gate.Gate
	sent    atomic.Int32
	refused atomic.Int32
}

func newMetered() *metered {
	return &metered{Limiter: NewLimiter(LimiterOptions{Clock: WallClock{}, Attempts: 100}),
		aws: gate.New(gate.Options{Clock: clock.Real{}, Throttle: true})}
}

// call makes a call on behalf of a tenant and returns how long it took.
func (m *metered) call(t *testing.T, tenant, operation string, p Priority) time.Duration {
	t.Helper()
	begun := time.Now()
	err := m.Do(WithPriority(WithTenant(context.Background(), tenant), p), ServiceELBV2, operation,
		func(ctx context.Context) error {
			m.sent.Add(1)
			_, err := gate.Do(ctx, m.aws, gate.Operation{Service: "elasticloadbalancing", Action: operation}, &struct{}{},
				func(context.Context, *struct{}) (*struct{}, error) { return &struct{}{}, nil })
			time.Sleep(20 * time.Millisecond)
			if err != nil {
				m.refused.Add(1)
				return answered(400, "Throttling", "Rate exceeded")
			}
			return nil
		})
	if err != nil {
		t.Error(err)
	}
	return time.Since(begun)
}

// TestATenantsBurstDelaysNoOtherTenant has a tenant make hundreds of calls at once under AWS's real limits, and another
// one a call soon after.
func TestATenantsBurstDelaysNoOtherTenant(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		burst    map[string]Priority // 300 calls of each
		tenants  int                 // that make the burst; 0 = one
		call     string
		priority Priority
		most     time.Duration
	}{
		"an edit beside edits": {map[string]Priority{"ModifyRule": Normal}, 0, "ModifyRule", Normal, time.Second},
		"an edit beside edits and reads": {map[string]Priority{"ModifyRule": Normal, "DescribeRules": Normal}, 0,
			"ModifyRule", Normal, time.Second},
		"an edit beside targets": {map[string]Priority{"RegisterTargets": Vital, "DescribeTargetHealth": Vital}, 0,
			"ModifyRule", Normal, time.Second},
		"an attribute beside rules": {map[string]Priority{"CreateRule": Normal}, 0, "ModifyLoadBalancerAttributes",
			Cosmetic, time.Second},
		"an attribute beside what is vital": {map[string]Priority{"CreateRule": Vital}, 0, "ModifyLoadBalancerAttributes",
			Cosmetic, time.Second},
		"an edit beside everything": {map[string]Priority{"ModifyRule": Normal, "DescribeRules": Normal,
			"RegisterTargets": Vital, "DescribeTargetHealth": Vital}, 0, "ModifyRule", Normal, time.Second},
		"targets beside everything": {map[string]Priority{"ModifyRule": Normal, "DescribeRules": Normal,
			"RegisterTargets": Vital, "DescribeTargetHealth": Vital}, 0, "RegisterTargets", Vital, time.Second},
		"an edit beside edits of ten tenants": {map[string]Priority{"ModifyRule": Normal}, 10, "ModifyRule", Normal,
			time.Second},
		"a read beside the look at targets": {map[string]Priority{"DescribeTargetHealth": Vital}, 0, "DescribeRules", Normal,
			time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m, tenants := newMetered(), max(tc.tenants, 1)
				var all sync.WaitGroup
				for operation, p := range tc.burst {
					for i := range 300 {
						all.Go(func() { m.call(t, fmt.Sprint("a", i%tenants), operation, p) })
					}
				}
				for range 20 { // at any time of the burst
					time.Sleep(time.Duration(700+400*tenants) * time.Millisecond) // less than its share of three calls a second
					if took := m.call(t, "b", tc.call, tc.priority); took > tc.most {
						t.Errorf("the call of the other tenant took %v", took)
					}
				}
				all.Wait()
				t.Logf("%d requests, %d refused", m.sent.Load(), m.refused.Load())
			})
		})
	}
}

// TestTheSharedBucketIsBlamedForWhatAllFamiliesExceed has reads, writes and targets each keep to their own rate, and
// together exceed that of the service.
func TestTheSharedBucketIsBlamedForWhatAllFamiliesExceed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMetered()
		begun := time.Now()
		var all sync.WaitGroup
		for operation, n := range map[string]int{"DescribeRules": 150, "ModifyRule": 80, "RegisterTargets": 80} {
			for range n {
				all.Go(func() { m.call(t, "a", operation, Normal) })
			}
		}
		all.Wait()
		// 310 calls, of which 40 are the burst, at ten a second.
		if took := time.Since(begun); took > 32*time.Second || m.refused.Load() > 15 {
			t.Errorf("310 calls took %v, %d were refused", took, m.refused.Load())
		}
		if r := m.meters(ServiceELBV2, "DescribeRules"); r.shared.rate != r.shared.floor {
			t.Errorf("the shared bucket has %v calls a second, want %v", r.shared.rate, r.shared.floor)
		}
	})
}

// TestTheSharedBucketIsNotBlamedForOneFamily has writes alone exceed their rate.
func TestTheSharedBucketIsNotBlamedForOneFamily(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMetered()
		var all sync.WaitGroup
		for range 60 {
			all.Go(func() { m.call(t, "a", "ModifyRule", Normal) })
		}
		time.Sleep(10 * time.Second)
		if took := m.call(t, "a", "DescribeRules", Normal); took > 50*time.Millisecond {
			t.Errorf("a read waits %v for writes", took)
		}
		all.Wait()
	})
}

func TestAQueuedCallIsReported(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := newBucket(c, 1, 1)
	waits := make(chan struct{}, 2)
	ctx := WithQueued(context.Background(), func() { waits <- struct{}{} })
	if err := b.take(ctx, normal); err != nil || len(waits) > 0 {
		t.Fatalf("%v; a call that does not wait is reported %d times", err, len(waits))
	}
	done := make(chan error)
	go func() { done <- b.take(ctx, normal) }()
	<-waits
	c.Advance(time.Second)
	if err := <-done; err != nil || len(waits) > 0 {
		t.Errorf("%v; reported %d times more", err, len(waits))
	}
}
