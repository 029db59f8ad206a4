package controller

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafregional"
	classictypes "github.com/aws/aws-sdk-go-v2/service/wafregional/types"
)

// guardClassic puts a web ACL of WAF Classic before Ingress base, and unguardClassic takes it away.
func (l *lab) guardClassic() {
	l.Helper()
	token, err := l.sim.Classic.GetChangeToken(l.Context(), &wafregional.GetChangeTokenInput{})
	l.must(err)
	out, err := l.sim.Classic.CreateWebACL(l.Context(), &wafregional.CreateWebACLInput{Name: aws.String("classic"), MetricName: aws.String("classic"), ChangeToken: token.ChangeToken,
		DefaultAction: &classictypes.WafAction{Type: classictypes.WafActionTypeAllow}})
	l.must(err)
	l.annotate("base", "waf-acl-id", aws.ToString(out.WebACL.WebACLId))
}

func (l *lab) unguardClassic() {
	l.Helper()
	l.annotate("base", "waf-acl-id", "none")
}
