package offline

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// absentCertificates reports certificates of ACM that listeners are to get, and that the account does not have. The
// controller does not look: a certificate may be newer than its list, and AWS's refusal of the call is an event. If
// certificates cannot be listed, nothing is reported.
func (s *planning) absentCertificates(ctx context.Context, r *Result) error {
	var listed facts.Facts
	for i := range r.Compiled.Stack.Listeners {
		l := &r.Compiled.Stack.Listeners[i]
		for _, arn := range l.Certificates {
			if !strings.Contains(arn, ":acm:") || hasCertificate(r.Observed.Listeners, l.Port, arn) {
				continue
			}
			if listed.Certificates == nil {
				var err error
				if listed, err = s.Account.Answer(ctx, []facts.Need{{Kind: facts.NeedCertificates}}); err != nil {
					return fmt.Errorf("%s: listing certificates: %w", r.Key, err)
				}
				if listed.Certificates == nil {
					return nil
				}
			}
			if _, exists := listed.Certificates[arn]; !exists {
				r.Diagnostics = append(r.Diagnostics, absentCertificate(r.Compiled, l, arn))
			}
		}
	}
	return nil
}

func hasCertificate(all []awsop.Listener, port int32, arn string) bool {
	return slices.ContainsFunc(all, func(l awsop.Listener) bool {
		return l.Port == port && slices.Contains(l.Certificates, arn)
	})
}

func absentCertificate(r compile.Result, l *stack.Listener, arn string) diag.Diagnostic {
	from := r.Origins[stack.Ref{Kind: stack.KindListener, ID: l.ID}]
	source, known := from.Fields["Certificates["+arn+"]"]
	if !known {
		source = from.Fields["Certificates"]
	}
	object := source.Object()
	if len(from.Objects) > 0 && !slices.Contains(from.Objects, object) {
		object = from.Objects[0]
	}
	text := fmt.Sprintf("ACM has no issued certificate %s in this account and region, and AWS refuses to attach it to "+
		"the %s listener on port %d", arn, l.Protocol, l.Port)
	return diag.New(object, placeOf(source, object), diag.CertificateNotFound, text,
		"give the ARN of an issued certificate of the same region")
}

func placeOf(s intent.Source, object diag.Object) string {
	if s.Object() == object {
		return s.Path()
	}
	return s.Place()
}
