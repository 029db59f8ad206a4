package inventory

import (
	"context"
	"errors"
	"time"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// addOnReader is one reading of what is wanted.
type addOnReader struct {
	i        *Inventory
	ctx      context.Context //nolint:containedctx // of one call
	o        *elb.Observed
	patience *time.Timer
	crowded  bool // so many reads are under way that nobody should wait for his
	asked    []asked
}

// asked is a read under way.
type asked struct {
	on        elb.AddOn
	operation string
	lb        int // index of the load balancer, -1 = the account
	done      <-chan error
	last      error // why an earlier try failed, if it did
}

func (r *addOnReader) refuse(on elb.AddOn, g plan.Guard) {
	if r.o.Unavailable == nil {
		r.o.Unavailable = map[elb.AddOn]plan.Guard{}
	}
	r.o.Unavailable[on] = g
}

// read begins the reads for one wanted load balancer.
func (r *addOnReader) read(w *stack.LoadBalancer) {
	i := r.i
	if w.Shield != nil {
		q := asked{on: elb.AddOnShield, operation: "GetSubscriptionState", lb: -1}
		ask(r, q, "shield subscription", place[bool]{&i.addOns.subscribed, &i.addOns.trouble, &i.addOns.written}, i.subscription)
	}
	for _, k := range addOnKinds {
		if g := k.refusal(i, w); g != nil {
			r.refuse(k.addOn(), *g)
		}
	}
	for n := range r.o.LoadBalancers {
		if lb := &r.o.LoadBalancers[n]; lb.ID == w.ID && lb.Type == w.Type {
			for _, k := range addOnKinds {
				k.begin(r, w, n)
			}
		}
	}
}

// place is where the answer of a read belongs.
type place[T any] struct {
	fact   *fact[T]
	last   *trouble
	writes *int64
}

// ask begins a read, unless what is known is young enough or the last try has just failed. It goes on when nobody waits.
func ask[T any](r *addOnReader, q asked, name string, p place[T], read func(context.Context) (T, error)) {
	i := r.i
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.cfg.Now()
	if p.fact.young(now, lifeOf[T]) {
		return
	}
	done := make(chan error, 1)
	q.done, q.last = done, p.last.err
	r.asked = append(r.asked, q)
	if p.last.err != nil && now.Sub(p.last.at) <= absentLifetime {
		done <- p.last.err
		return
	}
	writes := *p.writes
	i.addOns.reading++
	ctx := cloud.WithPatience(context.WithoutCancel(r.ctx), turnTimeout)
	go func() {
		v, err := shared(ctx, i, name, read)
		i.mu.Lock()
		defer i.mu.Unlock()
		i.addOns.reading--
		switch {
		case err == nil && *p.writes == writes:
			*p.fact, *p.last = known(v, i.cfg.Now()), trouble{}
		case err != nil && !errors.Is(err, cloud.ErrBusy): // which says only that its turn did not come
			*p.last = trouble{err, i.cfg.Now()}
		}
		done <- err
	}()
}

func lifeOf[T any](v T) time.Duration {
	if subscribed, ok := any(v).(bool); ok {
		if subscribed {
			return subscribedLifetime
		}
		return unsubscribedLifetime
	}
	return addOnLifetime
}

// collect waits for the reads, as long as patience lasts.
func (r *addOnReader) collect() {
	out := r.crowded
	for _, q := range r.asked {
		var err error
		select {
		case err = <-q.done:
		default:
			if !out {
				select {
				case err = <-q.done:
				case <-r.patience.C:
					out = true
				case <-r.ctx.Done():
					out = true
				}
			}
			if out {
				err = cloud.ErrBusy
			}
		}
		if errors.Is(err, cloud.ErrBusy) {
			r.o.Pending, err = true, q.last // what was told stays true until more is known
		}
		if err != nil {
			r.unread(q, err)
		}
	}
}

func (r *addOnReader) unread(q asked, err error) {
	g := guardOf(q.operation, err)
	if q.lb < 0 {
		r.refuse(q.on, g)
		return
	}
	lb := &r.o.LoadBalancers[q.lb]
	if lb.Unread == nil {
		lb.Unread = map[elb.AddOn]plan.Guard{}
	}
	lb.Unread[q.on] = g
}

// guardOf is what keeps from acting on what could not be read.
func guardOf(operation string, err error) plan.Guard {
	d := cloud.Problem(operation, err)
	return plan.Guard{Code: d.Code, Text: d.Text, Remedy: d.Remedy, RequestID: d.RequestID}
}
