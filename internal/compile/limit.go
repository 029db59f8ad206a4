package compile

import (
	"cmp"
	"fmt"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/quota"
)

// limit is one of the account's that a load balancer would exceed.
type limit struct {
	name   quota.Limit
	wanted int
	admits int
}

func (l *limit) text(of string) string {
	return fmt.Sprintf("the load balancer would have %d %s, and AWS allows %d (%s)", l.wanted, of, l.admits, l.name)
}

// remedy is what cures the excess, of which instead is a part.
func (l *limit) remedy(instead string) string {
	if l.name.Fixed() {
		return instead
	}
	return "ask AWS for a higher quota (Service Quotas), or " + instead
}

// exceeds reports which limit a load balancer of so many would exceed; nil = none, or it is not known. The account's
// limits, and what exists, are asked for only beyond AWS's default. Where the limits cannot be read, AWS is left to
// decide: the account may have higher ones.
func (b *build) exceeds(name quota.Limit, wanted int) *limit {
	l := &limit{name: name, wanted: wanted, admits: name.Default()}
	if wanted <= l.admits {
		return nil
	}
	if !name.Fixed() {
		need := facts.Need{Kind: facts.NeedLimits}
		switch {
		case b.f.Failed(need) != nil && !b.cfg.DefaultLimits:
			return nil
		case b.f.Failed(need) != nil:
		case b.f.Limits == nil:
			b.require(need)
			return nil
		}
		if l.admits = cmp.Or(b.f.Limits[string(name)], l.admits); wanted <= l.admits {
			return nil
		}
	}
	if _, known := b.detailsOfExisting(); !known { // what stands comes first
		return nil
	}
	return l
}

// excess is the finding that something of an object is left out.
func excess(o diag.Object, path, text, remedy string) diag.Diagnostic {
	d := diag.New(o, path, diag.QuotaExceeded, text, remedy)
	d.Phase = diag.Deploying // as AWS's refusal, which it replaces
	return d
}

// detailsOfExisting returns the details of the existing load balancer, or empty ones. known is false until they are
// looked up.
func (b *build) detailsOfExisting() (d *facts.LoadBalancerDetails, known bool) {
	switch lb, known := b.existing(); {
	case !known:
		return nil, false
	case lb == nil:
		return &facts.LoadBalancerDetails{}, true
	}
	d = b.details()
	return d, d != nil
}
