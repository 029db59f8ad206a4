package soak

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
	"github.com/k8s-lbc/lbc/playground/verify"
)

// process is what the metrics of a process of the controller say of it.
type process struct {
	leads      bool
	goroutines int
	resident   int // MiB
}

// processOf reads a page of metrics.
func processOf(text string) (p process, err error) {
	found := 0
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if i := strings.LastIndexByte(value, ' '); i >= 0 { // labels have spaces
			value = value[i+1:]
		}
		number, err := strconv.ParseFloat(value, 64)
		if !ok || err != nil {
			continue
		}
		switch name, _, _ := strings.Cut(name, "{"); name {
		case "go_goroutines":
			p.goroutines = int(number)
			found++
		case "process_resident_memory_bytes":
			p.resident = int(number) >> 20
			found++
		case "leader_election_master_status":
			p.leads = number == 1
		}
	}
	if found != 2 {
		return p, fmt.Errorf("the metrics have %d of 2 samples", found)
	}
	return p, nil
}

func metricsOf(ctx context.Context, url string) (process, error) {
	text, err := page(ctx, url)
	if err != nil {
		return process{}, err
	}
	return processOf(text)
}

// state is what must be the same before a soak and after it.
type state struct {
	account simclient.Resources
	objects []string // as "kind namespace/name"
	leader  process
}

// kinds are those of which nothing may be left.
const kinds = "namespaces,secrets,configmaps,serviceaccounts,leases,services,ingresses,ingressclasses,ingressclassparams,targetgroupbindings,loadbalancers," +
	"gateways,httproutes,tcproutes,loadbalancerconfigurations,targetgroupconfigurations,nodes"

// survey reads the state.
func (r *run) survey(ctx context.Context) (s state, err error) {
	s.account = r.Simulator.Resources()
	out, err := r.kubectl(ctx, "get", kinds, "-A", "--no-headers", "-o",
		`custom-columns=KIND:.kind,NAMESPACE:.metadata.namespace,NAME:.metadata.name`)
	if err != nil {
		return s, err
	}
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		// these stay, and their number is bounded
		if len(f) == 3 && !strings.HasPrefix(f[2], installation+"-checkpoint-") && f[2] != doctor.ConfigMap {
			s.objects = append(s.objects, strings.Join(f, " "))
		}
	}
	slices.Sort(s.objects)
	leader, _, err := r.leader(ctx)
	if err != nil {
		return s, err
	}
	s.leader, err = metricsOf(ctx, leader)
	return s, err
}

// Growths that are no leak: goroutines of connections, and what the collector of garbage has not given back.
const (
	moreGoroutines = 40
	moreMemory     = 48 // MiB
	// perNamespace are the goroutines of a watch of pods, which goes on for 15 minutes after the last object that needs
	// it.
	perNamespace = 20
)

// difference is what is left of a soak, or missing.
func (s state) difference(after state) (out []string) {
	for _, d := range verify.Difference(s.account, after.account) {
		out = append(out, "AWS: "+d)
	}
	count := map[string]int{}
	for _, o := range s.objects {
		count[o]--
	}
	for _, o := range after.objects {
		count[o]++
	}
	for _, o := range slices.Sorted(maps.Keys(count)) {
		switch {
		case count[o] > 0:
			out = append(out, "left in the cluster: "+o)
		case count[o] < 0:
			out = append(out, "gone from the cluster: "+o)
		}
	}
	return append(out, s.leader.growth(after.leader, len(places)+2)...)
}

// growth is what a process has too much if it watches the pods of so many namespaces more.
func (p process) growth(after process, namespaces int) (out []string) {
	if more := after.goroutines - p.goroutines; more > moreGoroutines+namespaces*perNamespace {
		out = append(out, fmt.Sprintf("goroutines: %d, and %d before", after.goroutines, p.goroutines))
	}
	if more := after.resident - p.resident; more > moreMemory {
		out = append(out, fmt.Sprintf("resident memory: %d MiB, and %d MiB before", after.resident, p.resident))
	}
	return out
}

// quiet is for how long nothing may be written at the end.
const quiet = 10 * time.Second

// settled waits until nothing was written to AWS for a while and no target group waits for its end.
func (r *run) settled(ctx context.Context) error {
	mark, since := r.Mark(), time.Now()
	return r.wait(ctx, heals, "an account to which nothing is written", func(context.Context) error {
		if w := r.Writes(mark); len(w) > 0 {
			mark, since = r.Mark(), time.Now()
			return fmt.Errorf("a moment ago: %v", w)
		}
		for _, g := range r.Simulator.Resources().TargetGroups {
			if g.LoadBalancer == "" && g.ARN != r.arn {
				since = time.Now()
				return fmt.Errorf("target group %s belongs to no load balancer", g.Name)
			}
		}
		if time.Since(since) < quiet {
			return errors.New("it was written to a moment ago")
		}
		return nil
	})
}
