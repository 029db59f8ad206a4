package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	smithy "github.com/aws/smithy-go"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// apiServer stands between the controllers of a lab and its objects.
type apiServer struct {
	writes, reads atomic.Bool // time out
	refused       atomic.Int32
}

func (a *apiServer) back() { a.writes.Store(false); a.reads.Store(false) }

func (a *apiServer) answer(away *atomic.Bool) error {
	if away.Load() {
		a.refused.Add(1)
		return lab.ErrAway
	}
	return nil
}

// before returns a client that the API server answers as it can.
func (a *apiServer) before(inner client.Client) client.Client {
	whole, ok := inner.(client.WithWatch)
	if !ok {
		panic("a client that cannot watch")
	}
	return interceptor.NewClient(whole, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object,
			opts ...client.GetOption) error {
			if err := a.answer(&a.reads); err != nil {
				return err
			}
			return c.Get(ctx, key, o, opts...)
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if err := a.answer(&a.reads); err != nil {
				return err
			}
			return c.List(ctx, list, opts...)
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if err := a.answer(&a.writes); err != nil {
				return err
			}
			return c.Create(ctx, o, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			if err := a.answer(&a.writes); err != nil {
				return err
			}
			return c.Delete(ctx, o, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			if err := a.answer(&a.writes); err != nil {
				return err
			}
			return c.Update(ctx, o, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch,
			opts ...client.PatchOption) error {
			if err := a.answer(&a.writes); err != nil {
				return err
			}
			return c.Patch(ctx, o, p, opts...)
		},
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object,
			opts ...client.SubResourceUpdateOption) error {
			if err := a.answer(&a.writes); err != nil {
				return err
			}
			return c.SubResource(sub).Update(ctx, o, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch,
			opts ...client.SubResourcePatchOption) error {
			if err := a.answer(&a.writes); err != nil {
				return err
			}
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	})
}

// withholding are the calls that take something away from traffic.
func withholding(by map[string]int) map[string]int {
	out := map[string]int{}
	for action, n := range by {
		for _, prefix := range []string{"Delete", "Deregister", "Revoke", "Remove", "Disassociate"} {
			if strings.HasPrefix(action, prefix) {
				out[action] = n
			}
		}
	}
	return out
}

// callsBeyond tells of the calls that are more than others. Rules of security groups may be revoked by two calls
// instead of one.
func callsBeyond(by, most map[string]int) (out []string) {
	for action, n := range by {
		if n > most[action] && (action != "RevokeSecurityGroupIngress" || most[action] == 0) {
			out = append(out, fmt.Sprintf("%d times %s, and %d times", n, action, most[action]))
		}
	}
	return out
}

// awayStages are, beside crashScenarios, what a controller is at when the API server goes away.
var awayStages = map[string]func(*lab.Lab){
	"creation": lab.LifeOfMany[0].Does,
	"a rollout": func(l *lab.Lab) {
		l.Scale("s0", lab.SoakAddress(0, 1), lab.SoakAddress(0, 2))
		l.Scale("s1", lab.SoakAddress(1, 1))
	},
	"a restart": (*lab.Lab).Restart,
}

// TestMinuteWithoutAPIServerTakesNothingFromAWS has writes, or reads as well, time
// out from some call to AWS on. Caches are silent meanwhile; the pauses of the work queues go on.
func TestMinuteWithoutAPIServerTakesNothingFromAWS(t *testing.T) {
	t.Parallel()
	from := []int32{0, 1, 2, 4, 6, 9, 12, 20, 30} // calls to AWS, of those that a stage makes
	stages := maps.Clone(crashScenarios)
	maps.Copy(stages, awayStages)
	chosen := sample.OneOf(4)
	for _, name := range slices.Sorted(maps.Keys(stages)) {
		stage := stages[name]
		if !chosen.Next() {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := lab.CrashLab(t, true, false)
			mark := whole.Mark()
			stage(whole)
			awayWait(whole, 90*time.Second, nil)
			want := whole.Account()
			_, by := whole.Counts(mark)
			most := withholding(by)
			for _, reads := range []bool{false, true} {
				for n, calls := range from {
					if turn := len(name) % 6; reads && n != turn%3 || !reads && n != turn {
						continue // one with, and one without the reads
					}
					t.Run(fmt.Sprintf("after %d calls, reads too %v", calls, reads), func(t *testing.T) {
						t.Parallel()
						l := lab.CrashLab(t, true, false)
						api := &apiServer{}
						plain := l.Client
						l.Client = api.before(plain)
						l.Restart() // the controllers of this life speak to the API server
						l.Client = plain
						l.CrashWait(20 * time.Second)
						mark := l.Mark()
						var made atomic.Int32
						leave := func() {
							api.writes.Store(true)
							api.reads.Store(reads)
						}
						if name == "a restart" {
							l.Client = api.before(plain)
							if calls == 0 {
								leave()
							}
						}
						stage(l)
						l.Client = plain
						if calls == 0 {
							leave()
						}
						l.BeforeCall(func(context.Context) error {
							if made.Add(1) == calls {
								leave()
							}
							return nil
						})
						awayWait(l, 90*time.Second, api)
						l.BeforeCall(nil)
						_, by := l.Counts(mark)
						for _, more := range callsBeyond(withholding(by), most) {
							t.Errorf("%s, if the API server stays", more)
						}
						if d := lab.LinesApart(l.Account(), want); d != "" {
							t.Errorf("half a minute later (%d calls refused) the account (+) is not as it would have been (-):\n%s",
								api.refused.Load(), d)
						}
					})
				}
			}
		})
	}
}

// awayWait lets time pass; the API server comes back after a minute.
func awayWait(l *lab.Lab, d time.Duration, api *apiServer) {
	l.Helper()
	back := l.Clock.Now().Add(time.Minute)
	l.Pass(d, []lab.Loop{
		{Every: time.Second, Run: func(context.Context) {
			if api != nil && !l.Clock.Now().Before(back) {
				api.back()
			}
		}},
		{Every: 15 * time.Second, Run: func(ctx context.Context) { l.Bound.Drains.Look(ctx) }},
	}, lab.ManyKeys...)
}

func TestAnErrorOfAWSIsNoAPIServerThatIsAway(t *testing.T) {
	t.Parallel()
	refused := &url.Error{Op: "Patch", URL: "https://10.0.0.1/apis", Err: errors.New("connection refused")}
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"nothing":                 {nil, false},
		"a time-out, wrapped":     {fmt.Errorf("adding finalizer: %w", lab.ErrAway), true},
		"a connection that fails": {fmt.Errorf("adding finalizer: %w", refused), true},
		"a connection to AWS": {&smithy.OperationError{ServiceID: "EC2", OperationName: "DescribeVpcs", Err: refused},
			false},
		"an answer that stays as is": {apierrors.NewBadRequest("no"), false},
	} {
		if got := queue.APIUnavailable(c.err); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
