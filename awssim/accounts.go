package awssim

import (
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/dataplane/targetgroup"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/awssim/dns"
	"github.com/k8s-lbc/lbc/awssim/wire"
)

// Other is another account of the same region. It has its own state, services, record of calls and faults. It uses
// the data plane and the DNS server of the first account. A caller reaches it with one of its access keys, such as
// the key of an assumed role.
type Other struct{ *Simulator }

// accounts are all of them, the first one first.
func (s *Simulator) accounts() []*Simulator {
	all := []*Simulator{s}
	for _, id := range slices.Sorted(maps.Keys(s.Others)) {
		all = append(all, s.Others[id].Simulator)
	}
	return all
}

// front answers each call in the account that gave its access key out: the first one unless another one knows the key.
func (s *Simulator) front(own *wire.Server) http.Handler {
	if len(s.Others) == 0 {
		return own
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := keyOf(r)
		for _, x := range s.Others {
			if x.gave(key) {
				x.face.ServeHTTP(w, r)
				return
			}
		}
		own.ServeHTTP(w, r)
	})
}

// gave reports whether the account gave an access key out.
func (s *Simulator) gave(key string) bool {
	a := s.Account
	a.Lock()
	defer a.Unlock()
	return a.Sessions[key] != nil || a.UserOfKey(key) != nil
}

// keyOf is the access key that a request is signed with; empty if it is not signed.
func keyOf(r *http.Request) string {
	_, credential, found := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if !found {
		credential = r.URL.Query().Get("X-Amz-Credential")
	}
	key, _, _ := strings.Cut(credential, "/")
	return key
}

// administerOthers serves the administration of each other account below a path of its own.
func (s *Simulator) administerOthers(mux *http.ServeMux) {
	mux.HandleFunc("/_sim/accounts/{id}/{path...}", func(w http.ResponseWriter, r *http.Request) {
		x := s.Others[r.PathValue("id")]
		if x == nil {
			http.Error(w, "there is no other account of that id", http.StatusNotFound)
			return
		}
		inner := r.Clone(r.Context())
		inner.URL.Path = "/_sim/" + r.PathValue("path")
		x.administration().ServeHTTP(w, inner)
	})
}

// reaches reports whether the load balancers of a VPC reach an address. It is one of their own VPC, one of a VPC that
// is peered with it, or one that is in no VPC here, as those of an office behind a VPN.
func (s *Simulator) reaches(from string, address netip.Addr) bool {
	reached := true
	for _, x := range s.accounts() {
		x.Account.Lock()
		for id, v := range x.Account.VPCs {
			switch {
			case !v.InVPC(address):
			case id == from || x.Account.Peered(id, from):
				x.Account.Unlock()
				return true
			default:
				reached = false
			}
		}
		x.Account.Unlock()
	}
	return reached
}

// withOthers adds what the other accounts serve. Targets that the VPC of their target group does not reach are nowhere.
func (s *Simulator) withOthers(t topology.Topology, soon func(time.Time)) topology.Topology {
	if len(s.Others) == 0 {
		return t
	}
	vpcs := map[string]string{} // by target group
	for _, x := range s.accounts() {
		x.Account.Lock()
		if x != s {
			more, next := topologyOf(x.Account)
			t.LoadBalancers = append(t.LoadBalancers, more.LoadBalancers...)
			t.TargetGroups = append(t.TargetGroups, more.TargetGroups...)
			soon(next)
		}
		for arn, tg := range x.Account.TargetGroups {
			vpcs[arn] = tg.VPC
		}
		x.Account.Unlock()
	}
	for i := range t.TargetGroups {
		tg := &t.TargetGroups[i]
		for j := range tg.Targets {
			if target := &tg.Targets[j]; tg.TargetType == "ip" && target.Address.IsValid() &&
				!s.reaches(vpcs[tg.ARN], target.Address) {
				target.Address = nowhere
			}
		}
	}
	return t
}

// report sets the health of a target in the account that has its target group.
func (s *Simulator) report(r targetgroup.HealthReport) {
	target := account.TargetDescription{ID: r.Target, Port: r.Port, Zone: r.Zone}
	for _, x := range s.accounts() {
		x.Account.SetTargetHealth(r.TargetGroup, target, account.Health{State: r.State, Reason: r.Reason,
			Description: r.Description})
	}
}

// ofLoadBalancer is the account that has a load balancer; the first one if none has.
func (s *Simulator) ofLoadBalancer(arn string) *account.Account {
	for _, x := range s.Others {
		if strings.Contains(arn, ":"+x.Account.ID+":") {
			return x.Account
		}
	}
	return s.Account
}

// answerName answers a question of DNS: for the names of another account's load balancers as that account does.
func (s *Simulator) answerName(q dns.Question) dns.Answer {
	first := s.resolver.Answer(q)
	if first.Status == dns.Found && len(first.Records) > 0 {
		return first
	}
	for _, x := range s.accounts()[1:] {
		if a := x.resolver.Answer(q); a.Status == dns.Found && len(a.Records) > 0 {
			return a
		}
	}
	return first
}
