package compile

import (
	"fmt"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/intent"
)

// webACL is the merged setting of the WAFv2 web ACL: by name, or by ARN if no member sets a name.
type webACL struct {
	merge.Owned[string]
	byName bool
}

func (b *build) mergeWebACL() webACL {
	name := b.mergeText("wafv2-acl-name", "WAFv2 WebACL name", func(a *intent.AddOns) intent.Field[string] { return a.WebACLName })
	if name.Set { // ARNs are ignored
		return webACL{name, true}
	}
	return webACL{b.mergeText("wafv2-acl-arn", "WAFv2 WebACL ARN", func(a *intent.AddOns) intent.Field[string] { return a.WebACL }), false}
}

func (w webACL) source() (string, intent.Source) { return "WebACL", w.Source }

// choose sets the web ACL. With a name that cannot be resolved the association stays as it is.
func (w webACL) choose(b *build) {
	if !w.Set || !allowed(b, w.Owned, b.cfg.EnableWAFv2, "the controller runs with --enable-wafv2=false") {
		return
	}
	if !w.byName || w.Value == intent.None {
		b.lb.WebACL = orNone(w.Value)
		return
	}
	o, need := b.members[w.Member].Object, facts.Need{Kind: facts.NeedWebACLs}
	switch arn, known := b.f.WebACLs[w.Value]; {
	case known:
		b.lb.WebACL = &arn
	case b.f.WebACLs != nil:
		b.note(w.Member, diag.New(o, w.Source.Place(), diag.WebACLNotFound, fmt.Sprintf("couldn't find WAFv2 WebACL with name: %s", w.Value),
			"name a regional web ACL of this account and region, or give its ARN"))
	default:
		if p := b.f.Failed(need); p != nil {
			b.note(w.Member, p.Diagnostic(o, w.Source.Place()))
		} else {
			b.require(need)
		}
	}
}

func orNone(v string) *string {
	if v == intent.None {
		v = ""
	}
	return &v
}
