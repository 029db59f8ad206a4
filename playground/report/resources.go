// Package report prints what is in a simulated account and what was called, as tables. It imports the simulator's
// client types and nothing that talks to anything.
package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/k8s-lbc/lbc/awssim/simclient"
)

// Resources prints load balancers with listeners and rules, target groups with targets, and security groups. endpoints
// adds where the load balancers listen on this machine; it may be nil.
func Resources(w io.Writer, r simclient.Resources, endpoints []simclient.Endpoint) error {
	p := printer{w: w}
	p.line("Account %s, region %s", r.Account, r.Region)
	p.line("")
	p.line("LOAD BALANCERS")
	if len(r.LoadBalancers) == 0 {
		p.line("  none")
	}
	for _, lb := range r.LoadBalancers {
		p.loadBalancer(lb, endpoints)
	}
	p.line("")
	p.line("TARGET GROUPS")
	if len(r.TargetGroups) == 0 {
		p.line("  none")
	}
	for _, tg := range r.TargetGroups {
		p.targetGroup(tg)
	}
	p.line("")
	p.line("SECURITY GROUPS")
	for _, g := range r.SecurityGroups {
		p.securityGroup(g)
	}
	p.line("")
	p.line("CERTIFICATES")
	for _, c := range r.Certificates {
		p.line("  %s  %s  %s", c.ARN, c.Status, strings.Join(c.Names, " "))
	}
	return p.err
}

// Summary prints the load balancers and the target groups behind them, in a few lines.
func Summary(w io.Writer, r simclient.Resources, endpoints []simclient.Endpoint) error {
	p := printer{w: w}
	for _, lb := range r.LoadBalancers {
		p.loadBalancer(lb, endpoints)
		for _, tg := range r.TargetGroups {
			if tg.LoadBalancer == lb.ARN {
				p.targetGroup(tg)
			}
		}
	}
	return p.err
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *printer) table(rows [][]string) {
	if p.err != nil || len(rows) == 0 {
		return
	}
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		if _, p.err = fmt.Fprintln(t, strings.Join(r, "\t")); p.err != nil {
			return
		}
	}
	if p.err = t.Flush(); p.err != nil {
		return
	}
	for line := range strings.Lines(b.String()) {
		p.line("%s", strings.TrimRight(line, " \n")) // the last columns are often empty
	}
}

func (p *printer) loadBalancer(lb simclient.LoadBalancer, endpoints []simclient.Endpoint) {
	p.line("  %s  %s, %s, %s", lb.Name, lb.Type, lb.Scheme, lb.State)
	at := ""
	for _, e := range endpoints {
		if e.ARN == lb.ARN && e.Address.IsValid() {
			at = "  (here: " + e.Address.String() + ")"
		}
	}
	p.line("    DNS name  %s%s", lb.DNSName, at)
	var zones []string
	for _, z := range lb.Zones {
		zones = append(zones, z.Subnet+" ("+z.Name+")")
	}
	p.line("    subnets   %s", strings.Join(zones, ", "))
	if len(lb.SecurityGroups) > 0 {
		p.line("    groups    %s", strings.Join(lb.SecurityGroups, ", "))
	}
	listeners := slices.Clone(lb.Listeners)
	slices.SortFunc(listeners, func(a, b simclient.Listener) int { return cmp.Compare(a.Port, b.Port) })
	for _, l := range listeners {
		socket := ""
		for _, e := range endpoints {
			for _, a := range e.Listeners {
				if e.ARN == lb.ARN && a.Port == l.Port && a.Address.IsValid() && int32(a.Address.Port()) != l.Port {
					socket = "  (here: " + a.Address.String() + ")"
				}
			}
		}
		p.line("    listener  %s %d%s", l.Protocol, l.Port, socket)
		var rows [][]string
		for _, r := range l.Rules {
			rows = append(rows, []string{"      rule", r.Priority, r.Text})
		}
		p.table(rows)
	}
}

func (p *printer) targetGroup(tg simclient.TargetGroup) {
	protocol := tg.Protocol
	if tg.ProtocolVersion != "" && tg.ProtocolVersion != "HTTP1" {
		protocol += " (" + tg.ProtocolVersion + ")"
	}
	p.line("  target group %s  %s %d to %s targets, health check %s", tg.Name, protocol, tg.Port, tg.TargetType,
		tg.HealthCheck)
	var rows [][]string
	for _, t := range tg.Targets {
		rows = append(rows, []string{"      target", fmt.Sprintf("%s:%d", t.ID, t.Port), t.Zone, t.State,
			strings.TrimSpace(t.Reason + " " + t.Description)})
	}
	if len(rows) == 0 {
		rows = [][]string{{"      no targets"}}
	}
	p.table(rows)
}

func (p *printer) securityGroup(g simclient.SecurityGroup) {
	p.line("  %s  %s  %s", g.ID, g.Name, g.Description)
	var rows [][]string
	for _, r := range g.Ingress {
		rows = append(rows, []string{"      in", PermissionText(r), r.Description})
	}
	p.table(rows)
}

// PermissionText is a permission in a few words, such as "tcp 80 from 0.0.0.0/0".
func PermissionText(r simclient.Permission) string {
	switch {
	case r.Protocol == "all" || r.Protocol == "-1":
		return "all from " + r.Peer
	case r.From == r.To:
		return fmt.Sprintf("%s %d from %s", r.Protocol, r.From, r.Peer)
	}
	return fmt.Sprintf("%s %d-%d from %s", r.Protocol, r.From, r.To, r.Peer)
}
