package lab

// Served checks that the stack's one target group has one binding of its name, and that the one rule forwards to it.
func (l *Lab) Served() (tg string) {
	l.Helper()
	r, bs := l.Sim.Resources(), l.AllBindings()
	if len(r.LoadBalancers) != 1 || len(r.TargetGroups) != 1 || len(bs) != 1 {
		l.Fatalf("load balancers %v, target groups %v, bindings %v", r.LoadBalancers, r.TargetGroups, bs)
	}
	tg = r.TargetGroups[0].ARN
	if b := bs[0]; b.Spec.TargetGroupARN != tg || b.DeletionTimestamp != nil || b.Name != r.TargetGroups[0].Name {
		l.Errorf("binding %s to %s, want %s", b.Name, b.Spec.TargetGroupARN, tg)
	}
	if lb := r.LoadBalancers[0]; len(lb.Listeners) != 1 || len(lb.Listeners[0].Rules) != 2 {
		l.Errorf("listeners %+v", lb.Listeners)
	}
	return tg
}
