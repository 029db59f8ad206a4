// Package gate is the one way into a simulated service, in-process or over the wire: it records the call, throttles it,
// breaks it by fault rules, checks permission, delays it. It has no service's types and no wire format; it imports the
// standard library, awssim/apierr and awssim/clock.
package gate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"sync"
	"syscall"
	"time"

	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/clock"
)

// ErrDropped is the error of a call that a fault rule has cut off; the wire server cuts the real connection.
var ErrDropped = fmt.Errorf("the simulator dropped the connection: %w", syscall.ECONNRESET)

// Options are a gate's settings; the zero value records and lets everything through.
type Options struct {
	Clock     clock.Clock   // nil: the machine's
	Seed      uint64        // of the faults' chances and the request ids
	Keep      int           // calls the record keeps; 0: 10,000
	Latency   time.Duration // added to every call
	Throttle  bool          // apply AWS's published token buckets
	Authorize Authorizer    // nil: everything is allowed
	// Foreign makes the calls of Fault.Drift; nil: such a rule fails the calls that it strikes.
	Foreign func(context.Context, Drift) error
}

// Authorizer decides whether a call is allowed, after throttling and before the handler sees it. It returns the denial
// as the caller is to see it, or nil.
type Authorizer func(ctx context.Context, service, action, caller string, in any) error

// Gate is what every call passes. It is safe for concurrent use.
type Gate struct {
	clock     clock.Clock
	authorize Authorizer
	foreign   func(context.Context, Drift) error
	calls     *record
	// acting is held for reading from before a handler acts until its call is recorded: readers of the record see the call
	// of each change that they see in the account.
	acting sync.RWMutex

	mu       sync.Mutex // guards what follows
	random   *rand.Rand
	latency  time.Duration
	throttle *buckets // nil: off
	faults   []*faultState
	sequence int // of fault ids
}

// New makes a gate.
func New(o Options) *Gate {
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	if o.Keep <= 0 {
		o.Keep = 10_000
	}
	g := &Gate{
		clock:     o.Clock,
		authorize: o.Authorize,
		foreign:   o.Foreign,
		calls:     newRecord(o.Keep),
		random:    rand.New(rand.NewPCG(o.Seed, 0x6c6263)),
		latency:   o.Latency,
	}
	g.SetThrottle(o.Throttle)
	return g
}

// SetLatency changes what every call takes in addition.
func (g *Gate) SetLatency(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.latency = d
}

// Latency is what every call takes in addition.
func (g *Gate) Latency() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.latency
}

// SetThrottle switches AWS's token buckets on, full, or off.
func (g *Gate) SetThrottle(on bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.throttle = nil
	if on {
		g.throttle = newBuckets(g.clock.Now())
	}
}

// Throttling reports whether the token buckets are on.
func (g *Gate) Throttling() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.throttle != nil
}

// NewRequestID makes an id in AWS's form, a UUID; the same gate makes the same ids in the same order.
func (g *Gate) NewRequestID() string {
	g.mu.Lock()
	a, b := g.random.Uint64(), g.random.Uint64()
	g.mu.Unlock()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0x3fff|0x8000, b&0xffffffffffff)
}

// Operation names an operation of AWS's API, such as "CreateListener" of "elasticloadbalancing".
type Operation struct{ Service, Action string }

// Do passes one call of an operation through g: token buckets, fault rules, permission, latency, then f, then the
// record. Errors are *apierr.Error as AWS would answer, ErrDropped, the context's, or f's own. A nil g just calls f.
func Do[I, O any](ctx context.Context, g *Gate, op Operation, in *I, f func(context.Context, *I) (*O, error)) (
	*O, error) {
	if g == nil {
		return f(ctx, in)
	}
	out, err := g.pass(ctx, op, in, func(ctx context.Context) (any, error) {
		o, err := f(ctx, in)
		if err != nil {
			return nil, err
		}
		return o, nil
	})
	if err != nil {
		return nil, err
	}
	o, _ := out.(*O)
	return o, nil
}

func (g *Gate) pass(ctx context.Context, op Operation, in any, f func(context.Context) (any, error)) (any, error) {
	if RequestID(ctx) == "" {
		ctx = WithRequestID(ctx, g.NewRequestID())
	}
	call := Call{
		Time: g.clock.Now(), RequestID: RequestID(ctx), Service: op.Service, Action: op.Action, Caller: Caller(ctx),
		Input: in, size: Size(ctx),
	}
	acted := false
	defer func() {
		if acted {
			g.acting.RUnlock()
		}
	}()
	out, err := g.run(ctx, &call, func(ctx context.Context) (any, error) {
		g.acting.RLock()
		acted = true
		return f(ctx)
	})
	call.Duration = g.clock.Now().Sub(call.Time)
	call.result(err)
	g.calls.add(call)
	return out, err
}

// Refuse records a call that was refused before any handler could be asked: unsigned, malformed or unknown.
func (g *Gate) Refuse(ctx context.Context, service, action string, err *apierr.Error) {
	call := Call{Time: g.clock.Now(), RequestID: RequestID(ctx), Service: service, Action: action, Caller: Caller(ctx)}
	call.result(err)
	g.calls.add(call)
}

func (g *Gate) run(ctx context.Context, call *Call, f func(context.Context) (any, error)) (any, error) {
	lazy := &parameters{in: call.Input}
	fault, latency, err := g.admit(call, lazy)
	if err != nil {
		call.Throttled = true
		return nil, err
	}
	if err := g.wait(ctx, latency+fault.Latency); err != nil {
		return nil, err
	}
	call.Fault = fault.ID
	switch {
	case fault.Reset:
		return nil, ErrDropped
	case fault.Kind+fault.Code != "":
		return nil, fault.refusal(call.Service)
	}
	if g.authorize != nil && !drifting(call.Caller) {
		if err := g.authorize(ctx, call.Service, call.Action, call.Caller, call.Input); err != nil {
			return nil, err
		}
	}
	if fault.Stale > 0 {
		if out, ok := g.remembered(fault.ID, fault.Stale, call, lazy); ok {
			return out, nil
		}
	}
	if fault.Drift != nil {
		if err := g.drift(ctx, fault); err != nil {
			return nil, err
		}
	}
	out, err := f(ctx)
	if fault.Empty && err == nil && out != nil {
		out = reflect.New(reflect.TypeOf(out).Elem()).Interface()
	}
	if fault.Partial && err == nil && out != nil {
		out = partOf(out)
	}
	if fault.Stale > 0 && err == nil {
		g.remember(fault.ID, call, lazy, out)
	}
	waitErr := ctx.Err()
	if fault.Delay > 0 {
		g.acting.RUnlock() // the account shows the effect meanwhile, the record not yet
		waitErr = g.wait(ctx, fault.Delay)
		g.acting.RLock()
	}
	if waitErr != nil {
		return nil, waitErr
	}
	if fault.Lose {
		return nil, ErrDropped
	}
	return out, err
}

// partOf returns a copy of an answer whose lists lack the first item, and every other one after it.
func partOf(answer any) any {
	part := reflect.New(reflect.TypeOf(answer).Elem())
	part.Elem().Set(reflect.ValueOf(answer).Elem())
	if part.Elem().Kind() != reflect.Struct {
		return answer
	}
	for _, field := range part.Elem().Fields() {
		if field.Kind() != reflect.Slice || !field.CanSet() {
			continue
		}
		left := reflect.MakeSlice(field.Type(), 0, field.Len()/2)
		for n := 1; n < field.Len(); n += 2 {
			left = reflect.Append(left, field.Index(n))
		}
		field.Set(left)
	}
	return part.Interface()
}

// admit takes tokens and finds the fault that strikes, in one step, so that concurrent calls count once each.
func (g *Gate) admit(call *Call, in *parameters) (Fault, time.Duration, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if drifting(call.Caller) {
		return Fault{}, 0, nil
	}
	if g.throttle != nil && !g.throttle.take(g.clock.Now(), call.Service, call.Action, in) {
		return Fault{}, 0, throttled(call.Service)
	}
	return g.strike(call, in), g.latency, nil
}

// DriftCaller is the caller of the calls of Fault.Drift; no fault and no bucket stops them.
const DriftCaller = "drift"

func drifting(caller string) bool { return caller == DriftCaller }

// drift makes the call of another caller that a rule holds.
func (g *Gate) drift(ctx context.Context, f Fault) error {
	if g.foreign == nil {
		return fmt.Errorf("fault %s: nobody can make the call %s %s here", f.ID, f.Drift.Service, f.Drift.Action)
	}
	ctx = WithRequestID(WithCaller(ctx, DriftCaller), g.NewRequestID())
	if err := g.foreign(ctx, *f.Drift); err != nil {
		return fmt.Errorf("fault %s: the call %s %s failed: %w", f.ID, f.Drift.Service, f.Drift.Action, err)
	}
	return nil
}

// wait lets d pass on the gate's clock, or returns the context's error.
func (g *Gate) wait(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if d <= 0 {
		return nil
	}
	passed := make(chan struct{})
	stop := g.clock.AfterFunc(d, func() { close(passed) })
	select {
	case <-passed:
		return nil
	case <-ctx.Done():
		stop()
		return ctx.Err()
	}
}

// result notes how the call ended.
func (c *Call) result(err error) {
	if err == nil {
		c.Status = http.StatusOK
		return
	}
	c.Message = err.Error()
	if e := apierr.As(err); e != nil {
		c.Status, c.Code, c.Message = e.Status, e.Code, e.Message
		return
	}
	if errors.Is(err, ErrDropped) {
		c.Dropped = true
	}
}
