package lab

import (
	"fmt"

	"github.com/k8s-lbc/lbc/awssim/account"
)

// settings adds attributes, tags, health checks, policies of TLS, addresses and capacity to the parts of the account.
func (l *Lab) settings(out map[string]bool) {
	l.Sim.Account.Lock()
	defer l.Sim.Account.Unlock()
	for _, lb := range l.Sim.Account.LoadBalancers {
		set(out, lb.Name, map[string]any{"scheme": lb.Scheme, "addresses": lb.IPAddressType, "pool": lb.IPAMPool,
			"customers": lb.CustomerPool, "capacity": lb.Capacity.Units, "inbound rules of PrivateLink": lb.EnforceInbound})
		each(out, lb.Name+" attribute", lb.Attributes)
		each(out, lb.Name+" tag", lb.Tags)
		for _, z := range lb.Zones {
			set(out, lb.Name+" in "+z.Name, map[string]any{"Elastic IP": z.AllocationID, "private": z.PrivateIPv4})
		}
		for _, x := range lb.Listeners {
			at := fmt.Sprintf("%s:%d", lb.Name, x.Port)
			set(out, at, map[string]any{"TLS": x.SSLPolicy, "ALPN": x.ALPN, "clients": x.MutualTLS.Mode})
			each(out, at+" attribute", x.Attributes)
			each(out, at+" tag", x.Tags)
		}
	}
	for _, tg := range l.Sim.Account.TargetGroups {
		if tg.LoadBalancer == nil && len(tg.Targets) == 0 {
			continue // it serves nothing
		}
		name := "target group " + tg.Name
		set(out, name, map[string]any{"protocol": tg.Protocol + tg.ProtocolVersion, "check": checkOf(tg.HealthCheck)})
		each(out, name+" attribute", tg.Attributes)
		each(out, name+" tag", tg.Tags)
	}
}

// set adds the settings that are not zero, each as "of name = value".
func set(out map[string]bool, of string, values map[string]any) {
	for name, value := range values {
		if text := fmt.Sprint(value); text != "" && text != "0" {
			out[of+" "+name+" = "+text] = true
		}
	}
}

// each adds attributes or tags.
func each(out map[string]bool, of string, values map[string]string) {
	for key, value := range values {
		out[of+" "+key+" = "+value] = true
	}
}

// checkOf is a health check in one text.
func checkOf(h account.HealthCheck) string {
	return fmt.Sprintf("%t %s:%s%s expects %s%s, each %d s within %d s, %d up, %d down", h.Enabled, h.Protocol, h.Port,
		h.Path, h.HTTPCodes, h.GRPCCodes, h.Interval, h.Timeout, h.HealthyThreshold, h.UnhealthyThreshold)
}
