package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/addition"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

const lintHelp = `Check manifests without a cluster and without AWS: spelling and values of annotations, rules,
classes, groups, AWS's limits. Each finding has file and line, object, field, problem and remedy;
docs/findings.md explains its code.

lbc lint does not check whether certificates, subnets, security groups and target groups exist,
because that needs an account. A manifest may name an object that is in none of the files: a
backend, a Secret, a configuration, a ReferenceGrant. Another file or the cluster may have it, so
that this is a warning; give lbc all files of an application, or --kubeconfig, which makes it an
error. A port or field that an object in the files lacks is always an error. lbc checks an Ingress's
settings for its target groups even if the Service is missing. For Gateways and their routes, each
condition that is not met is a finding, with the reason of the condition as its code. With --account
(an account file, or a recording of lbc record) and --kubeconfig, lbc checks everything.

If an IngressClass is in none of the files and its Ingress has annotations of the controller, lbc
assumes that it is a class of the controller. If a new Service of type LoadBalancer has no class,
but annotations for its load balancer or IPv6, lbc assumes that the webhook sets the controller's
class.

Exit status: 0 no errors; 1 lbc failed; 2 findings that are errors, or with --strict warnings.`

const lintExample = `  lbc lint shop.yaml deploy/
  helm template . | lbc lint -

  # As annotations of a pull request
  lbc lint -o github deploy/`

// finding is a diagnostic with its position.
type finding struct {
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Severity string `json:"severity"`
	Object   string `json:"object,omitempty"`
	Field    string `json:"field,omitempty"`
	Reason   string `json:"reason"`
	Message  string `json:"message"`
	Remedy   string `json:"remedy,omitempty"`
}

// lintDocument is the output of -o json and -o yaml. Its list is never null.
type lintDocument struct {
	Findings []finding `json:"findings"`
	Errors   int       `json:"errors"`
	Warnings int       `json:"warnings"`
	Notes    int       `json:"notes"`
}

// Severities, from the highest.
const (
	severityError   = "error"
	severityWarning = "warning"
	severityNote    = "note"
)

// accountCodes are the codes of findings that need an account.
var accountCodes = []diag.Code{
	diag.NoSubnets, diag.InvalidSubnets, diag.SecurityGroupNotFound, diag.CertificateNotFound, diag.TargetGroupNotFound,
	diag.WebACLNotFound,
	diag.TrustStoreNotFound, diag.LoadBalancerNotFound, diag.AccessDenied, diag.CredentialsRefused, diag.NotSubscribed,
	diag.AWSRejected, diag.AWSUnavailable,
	diag.HostedZoneNotFound, diag.CertificateFailed, diag.HostWithoutCertificate, diag.SeveralCertificates,
}

// elsewhereCodes are the codes about objects that may be in other files, or in the cluster.
var elsewhereCodes = []diag.Code{diag.ServiceNotFound, diag.BackendLeftOut, diag.ServiceMissing, diag.SecretNotFound}

type lintOptions struct {
	inputs
	outputs
	strict bool
	stdin  []byte // read once, used twice
}

func lintCommand() *cobra.Command {
	var o lintOptions
	cmd := &cobra.Command{
		Use:     "lint FILE...",
		Short:   "Check manifests without a cluster and without AWS",
		Long:    lintHelp,
		Example: lintExample,
		Args:    cobra.ArbitraryArgs,
		RunE:    o.withFiles(o.run),
	}
	o.inputs.flags(cmd)
	o.outputs.flags(cmd, "text", "json", "yaml", "github")
	existing := cmd.Flags().Lookup(addition.FlagName)
	existing.Hidden, existing.Usage = false,
		"also report as errors features that the AWS Load Balancer Controller v3.5 lacks"
	cmd.Flags().BoolVar(&o.strict, "strict", false, "also exit with status 2 for warnings")
	return cmd
}

func (o *lintOptions) run(ctx context.Context, out, errOut io.Writer, in io.Reader) error {
	if err := o.validate(); err != nil {
		return err
	}
	if len(o.files) == 0 {
		return errors.New("name the files to check, - for standard input")
	}
	found, err := o.check(ctx, errOut, in)
	if err != nil {
		return err
	}
	if err := o.show(out, found); err != nil {
		return err
	}
	if count(found, severityError) > 0 || o.strict && count(found, severityWarning) > 0 {
		return exitInvalid
	}
	return nil
}

func count(all []finding, severity string) int {
	n := 0
	for _, f := range all {
		if f.Severity == severity {
			n++
		}
	}
	return n
}

func (o *lintOptions) check(ctx context.Context, errOut io.Writer, in io.Reader) ([]finding, error) {
	if slices.Contains(o.files, "-") {
		content, err := io.ReadAll(in)
		if err != nil {
			return nil, err
		}
		o.stdin = content
	}
	src, err := o.open(ctx, errOut, bytes.NewReader(o.stdin))
	var all allBroken
	if errors.As(err, &all) {
		return brokenFiles(all), nil
	}
	if err != nil {
		return nil, err
	}
	defer src.close()
	return o.findings(ctx, src)
}

// severity of a diagnostic. Without a cluster, a missing object may be in another file.
func (o *lintOptions) severity(d diag.Diagnostic) string {
	if d.Code == diag.ServiceMissing || !o.fromCluster() && mayBeElsewhere(d) {
		return severityWarning
	}
	return string(d.Severity())
}

// mayBeElsewhere reports whether a finding is about an object that may be in other files, or in the cluster.
func mayBeElsewhere(d diag.Diagnostic) bool {
	return slices.Contains(elsewhereCodes, d.Code) || d.Code == diag.InvalidConfiguration && d.Class == diag.NotFound ||
		d.Absent
}

// ifElsewhere begins the remedy of a finding about an object that may be in other files, or in the cluster.
const ifElsewhere = "if the missing object is in another file or in the cluster, pass that file or --kubeconfig to " +
	"this command"

// assumeClasses makes the classes that Ingresses name and no file has. They belong to the controller if the Ingress has
// annotations of the controller.
func assumeClasses(src *source) []finding {
	var out []finding
	for _, p := range src.fromFiles {
		ing, ok := p.object.(*networkingv1.Ingress)
		if !ok || ing.Spec.IngressClassName == nil {
			continue
		}
		name := *ing.Spec.IngressClassName
		if c, ok := src.snapshot.Get(objects.IngressClass, "", name); ok {
			if c.GetAnnotations()[assumed] != "" {
				out = append(out, classNote(p, name))
			}
			continue
		}
		controller := "example.com/unknown"
		if annotation.OfIngress(ing.Annotations) {
			controller = ingress.Controller
		}
		class := &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: networkingv1.IngressClassSpec{
			Controller: controller}}
		if controller == ingress.Controller {
			class.Annotations = map[string]string{assumed: "true"}
			out = append(out, classNote(p, name))
		}
		src.snapshot.Put(class)
	}
	return out
}

// assumed is the annotation of a class that lint has made.
const assumed = "lbc/assumed"

func classNote(p placed, name string) finding {
	kind, _ := objects.KindOf(p.object)
	o := diag.Object{Kind: string(kind), Namespace: p.object.GetNamespace(), Name: p.object.GetName()}
	return finding{
		File: p.file, Line: p.line("spec.ingressClassName"), Severity: severityNote, Object: o.String(),
		Field: "spec.ingressClassName", Reason: string(diag.InvalidIngressClass),
		Message: fmt.Sprintf("IngressClass %s is in none of the files; it is assumed to be a class of this controller, "+
			"without parameters", name),
		Remedy: "check the file of the IngressClass along with this one",
	}
}

// brokenFiles are findings about files that are left out. Those that are no manifests are noted only where a directory
// was named.
func brokenFiles(all []broken) (out []finding) {
	for _, b := range all {
		f := finding{File: b.file, Line: b.line, Severity: severityError, Reason: "InvalidManifest", Message: b.err.Error(),
			Remedy: "correct the manifest"}
		if b.foreign {
			f.Severity, f.Remedy = severityNote, "none is needed if it is for another program; the file is left out"
		}
		out = append(out, f)
	}
	return out
}

func (o *lintOptions) show(out io.Writer, found []finding) error {
	switch o.format {
	case "json", "yaml":
		return o.encode(out, lintKind, lintDocument{append([]finding{}, found...), count(found, severityError),
			count(found, severityWarning), count(found, severityNote)})
	}
	var b strings.Builder
	for _, f := range found {
		if o.format == "github" {
			b.WriteString(f.github())
		} else {
			b.WriteString(f.text(o.colored(out)))
		}
	}
	if o.format == "text" {
		fmt.Fprintf(&b, "%s, %s, %s\n", doctor.Count(count(found, severityError), "error"),
			doctor.Count(count(found, severityWarning), "warning"), doctor.Count(count(found, severityNote), "note"))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// text is "file:line: error: Ingress default/shop: problem (field) [Code]", and the remedy on the next line.
func (f finding) text(color bool) string {
	where := f.File
	if f.Line > 0 {
		where += fmt.Sprintf(":%d", f.Line)
	}
	if where != "" {
		where += ": "
	}
	severity := f.Severity
	if color {
		severity = map[string]string{severityError: "\x1b[31m", severityWarning: "\x1b[33m",
			severityNote: "\x1b[36m"}[f.Severity] + severity + "\x1b[0m"
	}
	line := diag.Visible(where) + severity + ": "
	if f.Object != "" {
		line += diag.Visible(f.Object) + ": "
	}
	line += diag.Visible(f.Message)
	if f.Field != "" {
		line += " (" + diag.Visible(f.Field) + ")"
	}
	line += " [" + f.Reason + "]\n"
	if f.Remedy != "" {
		line += "  → " + diag.Visible(f.Remedy) + "\n"
	}
	return line
}

// Escapes of GitHub's workflow commands; properties escape more than messages.
var (
	escapeMessage  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	escapeProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// github is a workflow command that annotates the line.
func (f finding) github() string {
	level := map[string]string{severityError: "error", severityWarning: "warning", severityNote: "notice"}[f.Severity]
	properties := []string{}
	if f.File != "" && f.File != "-" {
		properties = append(properties, "file="+escapeProperty.Replace(f.File))
		if f.Line > 0 {
			properties = append(properties, fmt.Sprintf("line=%d", f.Line))
		}
	}
	properties = append(properties, "title="+escapeProperty.Replace(f.Reason))
	message := f.Message
	if f.Object != "" {
		message = f.Object + ": " + message
	}
	if f.Remedy != "" {
		message += "; " + f.Remedy
	}
	return "::" + level + " " + strings.Join(properties, ",") + "::" + escapeMessage.Replace(diag.Visible(message)) + "\n"
}
