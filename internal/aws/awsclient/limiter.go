package awsclient

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"regexp"
	"sync"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Clock is the clock of the limiter. The simulator's clocks satisfy it.
type Clock interface {
	Now() time.Time
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// WallClock is the real time.
type WallClock struct{}

// Now is time.Now.
func (WallClock) Now() time.Time { return time.Now() }

// AfterFunc is time.AfterFunc.
func (WallClock) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

// Priority orders calls that wait for the same bucket.
type Priority int

// Priorities of calls; the zero value is Normal.
const (
	Cosmetic Priority = -1
	Normal   Priority = 0
	Vital    Priority = 1
)

type priorityKey struct{}

// WithPriority marks the calls made under the returned context.
func WithPriority(ctx context.Context, p Priority) context.Context {
	return context.WithValue(ctx, priorityKey{}, p)
}

// PriorityOf returns the priority of calls under a context.
func PriorityOf(ctx context.Context) Priority {
	p, _ := ctx.Value(priorityKey{}).(Priority)
	return p
}

// ErrDeposed is the error of a call that would write while another process may lead; nothing was sent.
var ErrDeposed = errors.New("another process may lead; nothing was sent")

// ErrBusy is the error of a call whose turn did not come in time; nothing was sent.
var ErrBusy = errors.New("other calls of the same kind go first; this one has not been sent")

type maxWaitKey struct{}

// WithMaxWait limits how long each call under the returned context waits for its turn. Otherwise its caller would
// wait as long as a slow service makes it queue: AWS WAF accepts one association in two seconds. See ErrBusy.
func WithMaxWait(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, maxWaitKey{}, d)
}

// turn returns ctx with the end of the longest wait for a turn.
func (l *Limiter) turn(ctx context.Context) (context.Context, func()) {
	d, ok := ctx.Value(maxWaitKey{}).(time.Duration)
	if !ok {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := l.clock.AfterFunc(d, func() { cancel(ErrBusy) })
	return ctx, func() { stop(); cancel(nil) }
}

// Call is one finished AWS call, for metrics and traces.
type Call struct {
	Service   string // SDK service id
	Operation string
	Cause     Cause
	Attempts  int
	Duration  time.Duration // including the wait for the limiter
	Waited    time.Duration // the wait for the limiter
	Err       error         // nil or the last error
	RequestID string        // AWS's, of the last request; for LimiterOptions.Trace only
	Account   string        // of the role that was assumed for the call; empty = the controller's own role
}

// Throttle is one client-side limit of --aws-api-throttle.
type Throttle struct {
	Service   string         // SDK service id
	Operation *regexp.Regexp // unanchored
	Rate      float64        // calls per second
	Burst     int            // 0 = not limited
}

// Limiter paces calls. A family of operations that AWS meters together has one bucket; if all calls of a service
// share a bucket, the service has one too. A bucket is unlimited until AWS throttles its calls. Then it keeps AWS's
// published rate, and speeds up again while calls succeed. Limits of the user (Throttle) always apply in addition.
// The limiter repeats calls that AWS throttled, and reads that failed for passing reasons. It never repeats a write
// with unknown outcome, because only a new read of the account shows what to do.
type Limiter struct {
	clock    Clock
	attempts int
	account  string
	observe  func(Call)
	sending  func(Call)
	attempt  func(Call)
	trace    func(context.Context, Call)
	mayWrite func() error
	random   func() float64

	mu       sync.Mutex
	families map[string]*bucket
	fixed    []fixedBucket
}

type fixedBucket struct {
	service string
	pattern *regexp.Regexp
	b       *bucket
}

// LimiterOptions adjust a limiter; the zero value is usable.
type LimiterOptions struct {
	Clock    Clock      // nil = WallClock
	Attempts int        // of a call including the first; 0 = 10
	Throttle []Throttle // always-on buckets
	Account  string     // of the calls; empty = that of the controller's own role
	Observe  func(Call) // called after each call; may be nil
	Sending  func(Call) // called before each request of a call is sent; must not wait; may be nil
	Attempt  func(Call) // called after each request of a call, with its own duration and error; may be nil
	// Trace is called after each call of an SDK client, with the context of the call; may be nil.
	Trace func(context.Context, Call)
	// asked before each request that is no read; its error ends the call, and nothing is sent; may be nil
	MayWrite func() error
	Random   func() float64 // in [0,1), for jitter; nil = math/rand
}

// NewLimiter makes a limiter for one scope.
func NewLimiter(o LimiterOptions) *Limiter {
	l := &Limiter{clock: o.Clock, attempts: o.Attempts, account: o.Account, observe: o.Observe, sending: o.Sending,
		attempt: o.Attempt, trace: o.Trace, mayWrite: o.MayWrite, random: o.Random, families: map[string]*bucket{}}
	if l.clock == nil {
		l.clock = WallClock{}
	}
	if l.attempts <= 0 {
		l.attempts = 10
	}
	if l.random == nil {
		l.random = rand.Float64
	}
	for _, t := range o.Throttle {
		if t.Burst <= 0 { // a burst of 0 has always meant "not limited"
			continue
		}
		b := newBucket(l.clock, t.Rate, float64(t.Burst))
		l.fixed = append(l.fixed, fixedBucket{service: t.Service, pattern: t.Operation, b: b})
	}
	return l
}

// middleware makes an SDK client pass its calls through the limiter. It is the last one of the step in which the
// input is complete and checked. The steps after it, from serialization on, are repeated for each attempt.
func (l *Limiter) middleware(s *middleware.Stack) error {
	return s.Initialize.Add(middleware.InitializeMiddlewareFunc("Limiter",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
			out middleware.InitializeOutput, meta middleware.Metadata, err error) {
			service, operation := awsmiddleware.GetServiceID(ctx), awsmiddleware.GetOperationName(ctx)
			call, err := l.do(ctx, service, operation, func(ctx context.Context) (err error) {
				if out, meta, err = next.HandleInitialize(ctx, in); err != nil {
					// as callers of the client see it
					err = &smithy.OperationError{ServiceID: service, OperationName: operation, Err: withoutSecrets(ctx, err)}
				}
				return err
			})
			if l.trace != nil {
				call.RequestID, _ = awsmiddleware.GetRequestIDMetadata(meta)
				l.trace(ctx, call)
			}
			if sent, ok := err.(*smithy.OperationError); ok { //nolint:errorlint // the client wraps it again
				err = sent.Err
			}
			return out, meta, err
		}), middleware.After)
}

// Do makes one call of an operation: send makes one attempt, and is repeated while that is safe and may help.
func (l *Limiter) Do(ctx context.Context, service, operation string, send func(context.Context) error) error {
	_, err := l.do(ctx, service, operation, send)
	return err
}

func (l *Limiter) do(ctx context.Context, service, operation string, send func(context.Context) error) (Call, error) {
	start := l.clock.Now()
	rec := Call{Service: service, Operation: operation, Cause: CauseOf(ctx), Account: l.account}
	m, prio := l.meters(service, operation), PriorityOf(ctx)
	var err error
	for {
		waitFrom := l.clock.Now()
		if err = l.wait(ctx, m, service, operation, prio); err != nil {
			break
		}
		rec.Waited += l.clock.Now().Sub(waitFrom)
		if l.mayWrite != nil && !IsRead(operation) {
			if err = l.mayWrite(); err != nil {
				m.ended(false)
				break
			}
		}
		rec.Attempts++
		if l.sending != nil {
			l.sending(rec)
		}
		sent := l.clock.Now()
		err = send(ctx)
		if l.attempt != nil {
			l.attempt(Call{Service: service, Operation: operation, Cause: rec.Cause, Account: l.account, Attempts: 1,
				Duration: l.clock.Now().Sub(sent), Err: err})
		}
		if err == nil {
			m.succeeded()
			m.ended(true)
			break
		}
		e := Classify(err)
		if e.Class == diag.Throttled {
			m.throttled()
		}
		m.ended(false)
		// STS was asked again already
		retry := e.Class == diag.Throttled || (e.Class == diag.Transient && IsRead(operation) && !e.Credentials)
		if !retry || rec.Attempts >= l.attempts || ctx.Err() != nil {
			break
		}
		if e.Class == diag.Transient {
			if rec.Attempts >= 3 {
				break
			}
			if werr := l.pause(ctx, l.backoff(rec.Attempts)); werr != nil {
				break
			}
		}
	}
	rec.Duration, rec.Err = l.clock.Now().Sub(start), err
	if l.observe != nil {
		l.observe(rec)
	}
	return rec, err
}

// backoff returns the pause after attempt n, which begins at 1: 50 ms · 2ⁿ, times a random factor from one half to
// one and a half.
func (l *Limiter) backoff(n int) time.Duration {
	return time.Duration(float64(50*time.Millisecond) * math.Pow(2, float64(n)) * (0.5 + l.random()))
}

// wait waits for the buckets that AWS meters the operation with, and for every fixed bucket that covers it.
func (l *Limiter) wait(ctx context.Context, m meters, service, operation string, prio Priority) (err error) {
	ctx, done := l.turn(ctx)
	defer func() {
		if err != nil && errors.Is(context.Cause(ctx), ErrBusy) {
			err = ErrBusy
		}
		done()
	}()
	for _, f := range l.fixed {
		if f.service != service || !f.pattern.MatchString(operation) {
			continue
		}
		if err := f.b.take(ctx, rankOf(operation, prio)); err != nil {
			return err
		}
	}
	return m.take(ctx, rankOf(operation, prio))
}

func (l *Limiter) pause(ctx context.Context, d time.Duration) error {
	done := make(chan struct{})
	stop := l.clock.AfterFunc(d, func() { close(done) })
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		stop()
		return ctx.Err()
	}
}
