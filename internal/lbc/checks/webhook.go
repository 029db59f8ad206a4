package checks

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

var webhookChecks = []Check{{
	Name: "webhook-ca", Severity: doctor.Error, Needs: []doctor.Source{doctor.Webhooks},
	About: "The CA bundle of a webhook is missing, not readable or expired, so the API server cannot call the webhook. " +
		"If the webhook fails closed (failurePolicy Fail), nobody can write the objects that the webhook checks. If the " +
		"webhook fails open (failurePolicy Ignore), the API server skips the webhook, and the severity is warning.",
	Remedy: "let the controller write the bundle (--webhook-cert-secret), or check that cert-manager's injector runs; " +
		"if the chart issues the certificate, run helm upgrade again",
	Find: brokenBundles,
}, {
	Name: "webhook-certificate-expiring", Severity: doctor.Warning, Needs: []doctor.Source{doctor.Webhooks},
	About: "A serving certificate of the webhooks, or the certificate of its authority, is in the last quarter of its " +
		"lifetime and has not been renewed. The severity is error if the certificate has expired.",
	Remedy: "if you set --webhook-cert-secret, read the controller's log; if you use cert-manager, describe the " +
		"Certificate object of the webhooks; if the chart issued the certificate, run helm upgrade",
	Find: expiringWebhookCertificates,
}, {
	Name: "webhook-certificate-untrusted", Severity: doctor.Error, Needs: []doctor.Source{doctor.Webhooks},
	About: "The authority in the CA bundle has not signed the serving certificate, or this certificate is not valid for " +
		"the name of the webhooks' Service. The API server then refuses the serving certificate (x509: certificate signed " +
		"by unknown authority). The severity is warning if the webhooks fail open (failurePolicy Ignore).",
	Remedy: "restart the controller with --webhook-cert-secret, or run helm upgrade: both write the CA certificate that " +
		"belongs to the serving certificate into the CA bundle; configure GitOps tools to ignore the CA bundle and the " +
		"Secret",
	Find: untrustedCertificates,
}, {
	Name: "webhook-service-missing", Severity: doctor.Error, Needs: []doctor.Source{doctor.Webhooks},
	About: "The Service of a webhook does not exist, usually because somebody uninstalled the controller and left the " +
		"webhook configuration. If the webhook fails closed (failurePolicy Fail), nobody can create the objects that the " +
		"webhook checks. If the webhook fails open (failurePolicy Ignore), the API server skips the webhook, and the " +
		"severity is warning.",
	Remedy: "install the controller, or delete the webhook configuration",
	Find: func(f *Facts) []doctor.Finding {
		return byService(f, func(h Hook) bool { return !h.Exists }, "webhooks name this Service, which does not exist")
	},
}, {
	Name: "webhook-no-endpoints", Severity: doctor.Error, Needs: []doctor.Source{doctor.Webhooks},
	About: "No pod behind the Service of the webhooks is ready, so no webhook answers. The severity is warning if all " +
		"of these webhooks fail open (failurePolicy Ignore).",
	Remedy: "find out why the controller's pods are not ready, and check that the selector of the Service matches these " +
		"pods",
	Find: func(f *Facts) []doctor.Finding {
		return byService(f, func(h Hook) bool { return h.Exists && h.Endpoints == 0 },
			"no pod behind this Service of webhooks is ready")
	},
}, {
	Name: "webhook-unanswered", Severity: doctor.Error, Needs: []doctor.Source{doctor.Admission},
	About: "lbc doctor tried to create a Service of type LoadBalancer as a dry run, but a webhook did not answer, or " +
		"refused the Service. The evidence has the API server's message, which names the webhook.",
	Remedy: "if the controller's webhook did not answer, admit TCP port 9443 from the control plane's security group to " +
		"the nodes, or, with an overlay network, run the controller with hostNetwork; if a webhook refused the Service, " +
		"correct the cause that the evidence names",
	Find: func(f *Facts) []doctor.Finding {
		if f.Refused == "" {
			return nil
		}
		return []doctor.Finding{{Object: "Service of type LoadBalancer", Text: "cannot be created",
			Evidence: []string{f.Refused}}}
	},
}, {
	Name: "policy-refuses", Severity: doctor.Error, Needs: []doctor.Source{doctor.Admission},
	About: "A policy, a quota of the cluster, or a webhook of other software refuses TargetGroupBindings or " +
		"LoadBalancer objects of the controller. lbc doctor tries to create such objects as a dry run, as the user of the " +
		"kubeconfig. If the policy treats this user and the controller's service account differently, the result can be " +
		"wrong. These dry runs are in at most ten namespaces that have Ingresses, Gateways or Services of type LoadBalancer.",
	Remedy: "meet the conditions of the policy, or exempt the controller's service account from the policy (lbc doctor " +
		"may still report the policy, because its dry runs do not use this service account); if the policy requires " +
		"labels, set --object-labels or --copied-labels (chart values objectLabels and copiedLabels): the controller then " +
		"adds these labels to the objects that it creates",
	Find: func(f *Facts) (out []doctor.Finding) {
		for _, object := range slices.Sorted(maps.Keys(f.Denials)) {
			out = append(out, doctor.Finding{Object: object, Text: "would be refused", Evidence: []string{f.Denials[object]}})
		}
		return out
	},
}, {
	Name: "webhook-blocks", Severity: doctor.Note, Needs: []doctor.Source{doctor.Webhooks},
	About: "A webhook of the controller fails closed (failurePolicy Fail) for all Services, pods or Ingresses: while no " +
		"controller runs, nobody can write such objects.",
	Remedy: "use the webhook configurations of this version: these webhooks fail closed only for a few new pods and " +
		"Services (docs/operations/webhooks.md), and otherwise fail open (failurePolicy Ignore)",
	Find: blockingHooks,
}, {
	Name: "auto-mode-services", Severity: doctor.Warning, Needs: []doctor.Source{doctor.Definitions, doctor.Webhooks},
	About: "EKS Auto Mode serves load balancers in this cluster. But the controller's webhook gives the controller's " +
		"class to new Services of type LoadBalancer without a class. The controller, and no longer Auto Mode, then creates " +
		"the load balancers of such Services ([install-others.md](tasks/install-others.md#eks-auto-mode)).",
	Remedy: "set the chart value enableServiceMutatorWebhook=false, so that Auto Mode continues to serve new Services " +
		"without a class; if you want the controller to serve these Services, skip the check with --skip",
	Find: divertedServices,
}}

// serviceWebhook gives Services without a class that of the controller.
const serviceWebhook = "mservice.elbv2.k8s.aws"

func divertedServices(f *Facts) (out []doctor.Finding) {
	for _, h := range f.Hooks {
		if f.AutoMode && h.Name == serviceWebhook {
			out = append(out, doctor.Finding{Object: h.Configuration,
				Text: "webhook " + h.Name + " takes new Services without a " +
					"class from EKS Auto Mode"})
		}
	}
	return out
}

// policies are lines of evidence about webhooks.
func policies(all []Hook) (out []string) {
	for _, h := range all {
		policy := "fails open"
		if h.Fails {
			policy = "fails closed"
		}
		out = append(out, fmt.Sprintf("%s %s %s for %s", h.Configuration, h.Name, policy, strings.Join(h.Resources, ", ")))
	}
	return out
}

// closed is Error if one of the webhooks fails closed.
func closed(all []Hook) doctor.Severity {
	if slices.ContainsFunc(all, func(h Hook) bool { return h.Fails }) {
		return doctor.Error
	}
	return doctor.Warning
}

// byService is a finding for each Service of webhooks with a problem.
func byService(f *Facts, problem func(Hook) bool, text string) (out []doctor.Finding) {
	of := map[string][]Hook{}
	for _, h := range f.Hooks {
		if h.Service != "" && problem(h) {
			of[h.Service] = append(of[h.Service], h)
		}
	}
	for _, service := range slices.Sorted(maps.Keys(of)) {
		out = append(out, doctor.Finding{Severity: closed(of[service]), Object: "Service " + service, Text: text,
			Evidence: policies(of[service])})
	}
	return out
}

// parse reads certificates; what is none is left out.
func parse(text []byte) (out []*x509.Certificate) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			out = append(out, c)
		}
	}
	return out
}

// byConfiguration groups webhooks by configuration and CA bundle.
func byConfiguration(f *Facts) (out [][]Hook) {
	at := map[string]int{}
	for _, h := range f.Hooks {
		key := h.Configuration + "\n" + string(h.CA)
		i, ok := at[key]
		if !ok {
			i, out = len(out), append(out, nil)
			at[key] = i
		}
		out[i] = append(out[i], h)
	}
	return out
}

func brokenBundles(f *Facts) (out []doctor.Finding) {
	for _, hooks := range byConfiguration(f) {
		h, authorities := hooks[0], parse(hooks[0].CA)
		var text string
		switch {
		case len(h.CA) == 0:
			text = "the CA bundle is empty"
		case len(authorities) == 0:
			text = "the CA bundle holds no certificate"
		case !slices.ContainsFunc(authorities, func(c *x509.Certificate) bool { return f.Now.Before(c.NotAfter) }):
			text = "the CA bundle has expired " + doctor.Age(f.Now.Sub(authorities[0].NotAfter)) + " ago"
		default:
			continue
		}
		x := doctor.Finding{Severity: closed(hooks), Object: h.Configuration, Text: text, Evidence: policies(hooks)}
		if h.Injected {
			x.Remedy = "see why cert-manager's injector does not write it: kubectl logs -n cert-manager " +
				"deployment/cert-manager-cainjector"
		}
		out = append(out, x)
	}
	return out
}

// ending is what is left of a certificate's lifetime, in words; empty if it is more than a quarter.
func ending(c *x509.Certificate, now time.Time) (text string, expired bool) {
	left := c.NotAfter.Sub(now)
	switch {
	case left <= 0:
		return "has expired " + doctor.Age(-left) + " ago", true
	case left < c.NotAfter.Sub(c.NotBefore)/4:
		return "expires in " + doctor.Age(left), false
	}
	return "", false
}

func expiringWebhookCertificates(f *Facts) (out []doctor.Finding) {
	add := func(object, what string, c *x509.Certificate) {
		text, expired := ending(c, f.Now)
		if text == "" {
			return
		}
		x := doctor.Finding{Object: object, Text: what + " " + text}
		if expired {
			x.Severity = doctor.Error
		}
		out = append(out, x)
	}
	for _, s := range f.Serving {
		if chain := parse(s.Chain); len(chain) > 0 {
			add("Secret "+s.Secret, "the serving certificate", chain[0])
		}
	}
	for _, hooks := range byConfiguration(f) {
		authorities := parse(hooks[0].CA)
		if len(authorities) == 0 {
			continue
		}
		newest := slices.MaxFunc(authorities, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
		if f.Now.Before(newest.NotAfter) { // else brokenBundles has it
			add(hooks[0].Configuration, "the authority in the CA bundle", newest)
		}
	}
	return out
}

func untrustedCertificates(f *Facts) (out []doctor.Finding) {
	for _, s := range f.Serving {
		chain := parse(s.Chain)
		if len(chain) == 0 {
			out = append(out, doctor.Finding{Object: "Secret " + s.Secret, Text: "holds no certificate"})
			continue
		}
		seen := map[string]bool{}
		for _, hooks := range byConfiguration(f) {
			service, authorities := hooks[0].Service, parse(hooks[0].CA)
			if service == "" || len(authorities) == 0 || seen[hooks[0].Configuration] {
				continue
			}
			namespace, name, _ := strings.Cut(service, "/")
			roots, between := x509.NewCertPool(), x509.NewCertPool()
			for _, c := range authorities {
				roots.AddCert(c)
			}
			for _, c := range chain[1:] {
				between.AddCert(c)
			}
			_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: f.Now,
				DNSName: name + "." + namespace + ".svc", KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
			if err != nil && f.Now.Before(chain[0].NotAfter) {
				seen[hooks[0].Configuration] = true
				out = append(out, doctor.Finding{Severity: closed(hooks), Object: "Secret " + s.Secret,
					Text: "its certificate is not accepted by " + hooks[0].Configuration, Evidence: []string{err.Error()}})
			}
		}
	}
	return out
}

func blockingHooks(f *Facts) (out []doctor.Finding) {
	for _, h := range f.Hooks {
		wide := slices.ContainsFunc(h.Resources, func(r string) bool {
			return slices.Contains([]string{"services", "pods", "ingresses", "*"}, r)
		})
		if h.Fails && wide && !h.Selective {
			out = append(out, doctor.Finding{Object: h.Configuration, Text: "webhook " + h.Name + " fails closed for all " +
				strings.Join(h.Resources, ", ")})
		}
	}
	return out
}
