package inventory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	shieldtypes "github.com/aws/aws-sdk-go-v2/service/shield/types"
	"github.com/aws/aws-sdk-go-v2/service/wafregional"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// addOnShelf holds what lies over load balancers. It is guarded by Inventory.mu.
type addOnShelf struct {
	of         map[string]*addOns // by ARN of the load balancer
	subscribed fact[bool]         // to Shield Advanced
	trouble    trouble            // reading the subscription
	written    int64              // always 0: nobody subscribes by the controller
	reading    int                // reads under way
}

// addOns is what is known of one load balancer.
type addOns struct {
	webACL, classic fact[string]
	protection      fact[*plan.ShieldProtection]
	capacity        fact[int32]
	failures        map[plan.AddOn]*trouble
	writes          int64 // grows with each operation, so that a read that began before does not count
}

// trouble is a read that failed a moment ago and is not worth another try yet.
type trouble struct {
	err error
	at  time.Time
}

func (s *addOnShelf) at(arn string) *addOns {
	a := s.of[arn]
	if a == nil {
		a = &addOns{failures: map[plan.AddOn]*trouble{}}
		s.of[arn] = a
	}
	return a
}

// record writes an operation through; the lock is held.
func (s *addOnShelf) record(op plan.Op, out plan.Output, resolve func(stack.Ref) string, now time.Time) {
	if d, ok := op.(plan.DeleteLoadBalancer); ok {
		delete(s.of, resolve(d.LoadBalancer))
		return
	}
	if _, ok := op.(plan.CreateLoadBalancer); ok {
		a := s.at(out.ID)
		a.webACL, a.classic = known("", now), known("", now)
		a.protection, a.capacity = known[*plan.ShieldProtection](nil, now), known(int32(0), now)
		return
	}
	r, _, ok := plan.Changes(op)
	if !ok {
		return
	}
	a := s.at(resolve(r))
	a.writes++
	switch op := op.(type) {
	case plan.AssociateWebACL:
		a.webACL = known(op.WebACL, now)
	case plan.DisassociateWebACL:
		a.webACL = known("", now)
	case plan.AssociateRegionalWebACL:
		a.classic = known(op.WebACL, now)
	case plan.DisassociateRegionalWebACL:
		a.classic = known("", now)
	case plan.CreateProtection:
		a.protection = known(&plan.ShieldProtection{ID: out.Protection, Name: naming.ProtectionName}, now)
	case plan.DeleteProtection:
		a.protection = known[*plan.ShieldProtection](nil, now)
	case plan.ModifyCapacityReservation:
		a.capacity = known(op.Units, now)
	}
}

func known[T any](v T, at time.Time) fact[T] { return fact[T]{value: v, at: at, known: true} }

// ForgetAddOns makes the next Observed read again what lies over a load balancer.
func (i *Inventory) ForgetAddOns(arn string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.addOns.of, arn)
}

// observeAddOns fills in what is known of add-ons, after reading those that are wanted, of the load balancers that they are
// wanted for. It never fails: what cannot be read is said so in the observation, and what takes long is there another time.
func (i *Inventory) observeAddOns(ctx context.Context, o *plan.Observed, desired *stack.Stack) {
	r := addOnReader{i: i, o: o, patience: time.NewTimer(i.cfg.Patience)}
	defer r.patience.Stop()
	r.ctx = cloud.WithPriority(ctx, cloud.Cosmetic)
	i.mu.Lock()
	r.crowded = i.addOns.reading > readers && i.cfg.Patience <= patience
	i.mu.Unlock()
	if desired != nil {
		for n := range desired.LoadBalancers {
			r.read(&desired.LoadBalancers[n])
		}
	}
	r.collect()
	i.mu.Lock()
	defer i.mu.Unlock()
	for n := range o.LoadBalancers {
		if a := i.addOns.of[o.LoadBalancers[n].ARN]; a != nil {
			a.show(&o.LoadBalancers[n])
		}
	}
	if s := i.addOns.subscribed; s.known && !s.value {
		r.refuse(plan.AddOnShield, plan.Guard{
			Code: diag.NotSubscribed, Text: "the account does not subscribe to Shield Advanced, so that the load balancer cannot be protected by it",
			Remedy: "subscribe, or remove the annotation",
		})
	}
}

func (a *addOns) show(lb *plan.LoadBalancer) {
	if a.webACL.known {
		lb.WebACL = &a.webACL.value
	}
	if a.classic.known {
		lb.ClassicWebACL = &a.classic.value
	}
	if a.protection.known {
		protected := a.protection.value != nil
		lb.Shield, lb.Protection = &protected, a.protection.value
	}
	if a.capacity.known {
		lb.Capacity = &a.capacity.value
	}
}

// addOnReader is one reading of what is wanted.
type addOnReader struct {
	i        *Inventory
	ctx      context.Context //nolint:containedctx // of one call
	o        *plan.Observed
	patience *time.Timer
	crowded  bool // so many reads are under way that nobody should wait for his
	asked    []asked
}

// asked is a read under way.
type asked struct {
	on   plan.AddOn
	lb   int // index of the load balancer, -1 = the account
	done <-chan error
	last error // why an earlier try failed, if it did
}

func (r *addOnReader) refuse(on plan.AddOn, g plan.Guard) {
	if r.o.Unavailable == nil {
		r.o.Unavailable = map[plan.AddOn]plan.Guard{}
	}
	r.o.Unavailable[on] = g
}

// read begins the reads for one wanted load balancer.
func (r *addOnReader) read(w *stack.LoadBalancer) {
	i := r.i
	if w.Shield != nil {
		ask(r, plan.AddOnShield, -1, "shield subscription", place[bool]{&i.addOns.subscribed, &i.addOns.trouble, &i.addOns.written}, i.subscription)
	}
	if w.ClassicWebACL != nil && i.clients.WAFRegional == nil {
		r.refuse(plan.AddOnClassicWebACL, plan.Guard{Code: diag.AWSRejected, Text: cloud.ErrNoClassic.Error(), Remedy: "use a web ACL of WAFv2 (wafv2-acl-arn)"})
	}
	for n := range r.o.LoadBalancers {
		lb := &r.o.LoadBalancers[n]
		if lb.ID != w.ID || lb.Type != w.Type {
			continue
		}
		i.mu.Lock()
		a := i.addOns.at(lb.ARN)
		for _, on := range []plan.AddOn{plan.AddOnWebACL, plan.AddOnClassicWebACL, plan.AddOnShield, plan.AddOnCapacity} {
			if a.failures[on] == nil {
				a.failures[on] = &trouble{}
			}
		}
		i.mu.Unlock()
		if w.WebACL != nil {
			ask(r, plan.AddOnWebACL, n, "web ACL of "+lb.ARN, place[string]{&a.webACL, a.failures[plan.AddOnWebACL], &a.writes}, i.webACLOf(lb.ARN))
		}
		if w.ClassicWebACL != nil && i.clients.WAFRegional != nil {
			ask(r, plan.AddOnClassicWebACL, n, "classic web ACL of "+lb.ARN, place[string]{&a.classic, a.failures[plan.AddOnClassicWebACL], &a.writes}, i.classicWebACLOf(lb.ARN))
		}
		if w.Shield != nil {
			ask(r, plan.AddOnShield, n, "protection of "+lb.ARN, place[*plan.ShieldProtection]{&a.protection, a.failures[plan.AddOnShield], &a.writes}, i.protectionOf(lb.ARN))
		}
		if w.Capacity != nil {
			ask(r, plan.AddOnCapacity, n, "capacity of "+lb.ARN, place[int32]{&a.capacity, a.failures[plan.AddOnCapacity], &a.writes}, i.capacityOf(lb.ARN))
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
func ask[T any](r *addOnReader, on plan.AddOn, lb int, name string, p place[T], read func(context.Context) (T, error)) {
	i := r.i
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.cfg.Now()
	if p.fact.known && now.Sub(p.fact.at) <= lifeOf(p.fact.value) {
		return
	}
	done := make(chan error, 1)
	r.asked = append(r.asked, asked{on, lb, done, p.last.err})
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

func lifeOf(v any) time.Duration {
	if subscribed, ok := v.(bool); ok {
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

// operations are the calls that read add-ons.
var operations = map[plan.AddOn]string{
	plan.AddOnWebACL: "GetWebACLForResource", plan.AddOnClassicWebACL: "GetRegionalWebACLForResource",
	plan.AddOnShield: "DescribeProtection", plan.AddOnCapacity: "DescribeCapacityReservation",
}

func (r *addOnReader) unread(q asked, err error) {
	d := cloud.Problem(operations[q.on], err)
	if q.lb < 0 {
		d = cloud.Problem("GetSubscriptionState", err)
	}
	g := plan.Guard{Code: d.Code, Text: d.Text, Remedy: d.Remedy, RequestID: d.RequestID}
	if q.lb < 0 {
		r.refuse(q.on, g)
		return
	}
	lb := &r.o.LoadBalancers[q.lb]
	if lb.Unread == nil {
		lb.Unread = map[plan.AddOn]plan.Guard{}
	}
	lb.Unread[q.on] = g
}

func (i *Inventory) webACLOf(arn string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		out, err := i.clients.WAFv2.GetWebACLForResource(ctx, &wafv2.GetWebACLForResourceInput{ResourceArn: aws.String(arn)})
		if err != nil {
			return "", fmt.Errorf("reading the web ACL of %s: %w", arn, err)
		}
		if out.WebACL == nil {
			return "", nil
		}
		return aws.ToString(out.WebACL.ARN), nil
	}
}

func (i *Inventory) classicWebACLOf(arn string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		out, err := i.clients.WAFRegional.GetWebACLForResource(ctx, &wafregional.GetWebACLForResourceInput{ResourceArn: aws.String(arn)})
		if err != nil {
			return "", fmt.Errorf("reading the WAF Classic web ACL of %s: %w", arn, err)
		}
		if out.WebACLSummary == nil {
			return "", nil
		}
		return aws.ToString(out.WebACLSummary.WebACLId), nil
	}
}

// protectionOf reads the protection of a load balancer, nil if it has none.
func (i *Inventory) protectionOf(arn string) func(context.Context) (*plan.ShieldProtection, error) {
	return func(ctx context.Context) (*plan.ShieldProtection, error) {
		out, err := i.clients.Shield.DescribeProtection(ctx, &shield.DescribeProtectionInput{ResourceArn: aws.String(arn)})
		switch {
		case err != nil && vanished(err):
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("reading the protection of %s: %w", arn, err)
		case out.Protection == nil:
			return nil, nil
		}
		return &plan.ShieldProtection{ID: aws.ToString(out.Protection.Id), Name: aws.ToString(out.Protection.Name)}, nil
	}
}

func (i *Inventory) capacityOf(arn string) func(context.Context) (int32, error) {
	return func(ctx context.Context) (int32, error) {
		out, err := i.clients.ELBV2.DescribeCapacityReservation(ctx, &elbv2.DescribeCapacityReservationInput{LoadBalancerArn: aws.String(arn)})
		if err != nil {
			return 0, fmt.Errorf("reading the capacity of %s: %w", arn, err)
		}
		if out.MinimumLoadBalancerCapacity == nil {
			return 0, nil
		}
		return aws.ToInt32(out.MinimumLoadBalancerCapacity.CapacityUnits), nil
	}
}

func (i *Inventory) subscription(ctx context.Context) (bool, error) {
	out, err := i.clients.Shield.GetSubscriptionState(ctx, &shield.GetSubscriptionStateInput{})
	if err != nil {
		return false, fmt.Errorf("reading the subscription to Shield Advanced: %w", err)
	}
	return out.SubscriptionState == shieldtypes.SubscriptionStateActive, nil
}

// errSlow is told while the web ACLs are still being listed.
var errSlow = diag.New(diag.Object{}, "", diag.AWSUnavailable, "AWS WAF has not answered yet", "nothing to do: the controller looks again")

// webACLs lists the web ACLs; a pass does not wait longer than patience for them.
func (a *answer) webACLs(ctx context.Context) error {
	i := a.i
	type result struct {
		names map[string]string
		err   error
	}
	done := make(chan result, 1)
	go func() {
		names, err := learn(context.WithoutCancel(ctx), i, "web ACLs", &i.facts.webACLs, always[map[string]string](webACLLifetime), i.listWebACLs)
		done <- result{names, err}
	}()
	timer := time.NewTimer(i.cfg.Patience)
	defer timer.Stop()
	select {
	case r := <-done:
		if r.err != nil {
			return cloud.Problem("ListWebACLs", r.err)
		}
		a.set(func(f *facts.Facts) { f.WebACLs = r.names })
		return nil
	case <-timer.C:
		return errSlow
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (i *Inventory) listWebACLs(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	in := &wafv2.ListWebACLsInput{Scope: waftypes.ScopeRegional, Limit: aws.Int32(100)}
	for {
		page, err := i.clients.WAFv2.ListWebACLs(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("listing web ACLs: %w", err)
		}
		for _, w := range page.WebACLs {
			out[aws.ToString(w.Name)] = aws.ToString(w.ARN)
		}
		if aws.ToString(page.NextMarker) == "" || len(page.WebACLs) == 0 { // a full last page has a marker too
			return out, nil
		}
		in.NextMarker = page.NextMarker
	}
}
