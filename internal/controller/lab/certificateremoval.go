package lab

// Attached are the certificates of the only load balancer's listener 443.
func (l *Lab) Attached() (out []string) {
	for _, lb := range l.Sim.Resources().LoadBalancers {
		for _, li := range lb.Listeners {
			if li.Port == 443 {
				out = append(out, li.Certificates...)
			}
		}
	}
	return out
}
