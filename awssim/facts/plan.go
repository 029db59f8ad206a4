package facts

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// Plan is what a run would create, and for how long.
type Plan struct {
	Run       string         `json:"run"`
	Endpoint  string         `json:"endpoint"`
	Region    string         `json:"region"`
	Account   string         `json:"account,omitempty"`
	VPC       string         `json:"vpc,omitempty"` // given
	Facts     int            `json:"facts"`
	Unchecked int            `json:"cannotBeChecked"` // without a target, or in a given VPC
	Creates   map[string]int `json:"creates"`
	Public    int            `json:"publicIPv4Addresses"`
	Minutes   int            `json:"minutes"` // at AWS, about
}

// What things take at AWS, for plans.
const (
	timeOfStep  = 2 * time.Second
	timeOfState = 2 * time.Minute // until a load balancer is active, or a target healthy
	timeOfEnd   = 6 * time.Minute // until interfaces of load balancers are gone, and with them security groups and subnets
)

// NewPlan says what a run of the book would create. It makes no call.
func NewPlan(book *Book, o Options) Plan {
	p := Plan{Run: o.Run, Endpoint: o.Endpoint, Region: o.Region, VPC: o.VPC, Facts: len(book.Facts),
		Creates: map[string]int{}}
	var runs []Fact
	for _, f := range book.Facts {
		if p.possible(book, f, o) {
			runs = append(runs, f)
		} else {
			p.Unchecked++
		}
	}
	r := &runner{Options: o}
	total := timeOfEnd
	for _, name := range book.fixtures(runs) {
		total += p.add(book.Fixtures[r.resolve(name)].Steps, nil)
	}
	for _, f := range runs {
		total += p.add(book.steps(f), f.Vars)
	}
	p.Minutes = int(math.Ceil(total.Minutes()))
	return p
}

// possible reports whether the run has what a fact needs from outside.
func (p *Plan) possible(book *Book, f Fact, o Options) bool {
	for _, name := range book.fixtures([]Fact{f}) {
		if name == needsTarget && o.Target == nil || name == needsOwnNetwork && o.VPC != "" {
			return false
		}
	}
	return true
}

// add counts what steps create, and returns how long they take.
func (p *Plan) add(steps []Step, values map[string]any) time.Duration {
	var total time.Duration
	for _, s := range steps {
		total += timeOfStep
		if d, err := s.patience(); err == nil && d >= time.Minute {
			total += timeOfState
		}
		k := kindByCreate(s.Call)
		if k == nil || s.Error != "" {
			continue
		}
		with := s.With
		if expanded, err := (vars(values)).expand(anyMap(s.With)); err == nil {
			with, _ = expanded.(map[string]any)
		}
		p.Creates[countedAs(k, with)]++
		if k.name == "load balancer" && p.public(text(with["Scheme"])) {
			subnets, _ := with["Subnets"].([]any)
			p.Public += len(subnets)
		}
	}
	return total
}

func (p *Plan) public(scheme string) bool {
	return scheme != "internal" && (scheme != "${scheme}" || p.VPC == "")
}

// Write prints the plan.
func (p Plan) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "run %s against %s in %s", p.Run, p.Endpoint, p.Region)
	if p.Account != "" {
		fmt.Fprintf(&b, ", account %s", p.Account)
	}
	fmt.Fprintf(&b, ": %d facts, of which %d cannot be checked with these flags\n", p.Facts, p.Unchecked)
	fmt.Fprintf(&b, "creates, for about %d minutes at most: %s\n", p.Minutes, counts(p.Creates))
	fmt.Fprintf(&b, "public IPv4 addresses of load balancers: %d\n", p.Public)
	if p.VPC != "" {
		fmt.Fprintf(&b, "uses VPC %s\n", p.VPC)
	}
	fmt.Fprintf(&b,
		"AWS bills load balancers and public IPv4 addresses by the hour or part of it, and nothing else of this.\n")
	fmt.Fprintf(&b,
		"A call that AWS must refuse can create one resource more if AWS does not. Everything has the tag %s=%s.\n",
		TagKey, p.Run)
	_, err := io.WriteString(w, b.String())
	return err
}
