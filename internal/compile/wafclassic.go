package compile

import (
	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/intent"
)

// wafClassic is the web ACL of WAF Classic, by id.
type wafClassic struct{ merge.Owned[string] }

func (b *build) settleWAFClassic() wafClassic {
	return wafClassic{b.settleText("waf-acl-id", "WAFClassic WebACL ID", func(a *intent.AddOns) intent.Field[string] { return a.ClassicWebACL })}
}

func (w wafClassic) source() (string, intent.Source) { return "ClassicWebACL", w.Source }

func (w wafClassic) choose(b *build) {
	if w.Set && allowed(b, w.Owned, b.cfg.EnableWAF, "the controller runs with --enable-waf=false") {
		b.lb.ClassicWebACL = orNone(w.Value)
	}
}
