package main

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// findings are all that lint reports of a source.
func (o *lintOptions) findings(ctx context.Context, src *source) ([]finding, error) {
	found := brokenFiles(src.broken)
	classless := o.assumeServiceClass(src)
	if !o.fromCluster() {
		found = append(found, assumeClasses(src)...)
		found = append(found, src.assumedClasses...)
	}
	refused, err := unstorable(src)
	if err != nil {
		return nil, err
	}
	denied := o.refusals(src)
	found = append(found, unrepeated(refused, denied)...)
	found = append(found, denied...)
	got, err := o.plans(ctx, src)
	if err != nil {
		return nil, err
	}
	found = append(found, o.unmet(src, got.Stacks)...)
	found = append(found, unconnected(src)...)
	found = append(found, misplaced(src)...)
	if src.builtIn {
		found = append(found, o.needsConsent(src)...)
	}
	found = append(found, ignoredKinds(src.unread)...)
	found = append(found, o.unservedAccelerators(src, got.Stacks)...)
	diagnostics, err := o.diagnostics(ctx, src, got)
	if err != nil {
		return nil, err
	}
	for _, d := range diagnostics {
		if saidOfOther(diagnostics, d) || saidOfTags(found, d) ||
			strings.Contains(d.Text, compile.UnknownAttribute) { // see unknownAttributes
			continue
		}
		f, shown := o.findingOf(src, d)
		if !shown {
			continue
		}
		if !slices.Contains(found, f) {
			found = append(found, f)
		}
		if note, ok := classless[d.Object.String()]; ok && f.Severity != severityNote && !slices.Contains(found, note) {
			found = append(found, note)
		}
	}
	found = append(found, unknownAttributes(src, found)...)
	slices.SortStableFunc(found, func(a, b finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Object, b.Object),
			cmp.Compare(a.Reason, b.Reason))
	})
	return found, nil
}

// saidOfOther reports whether a finding about a field of a Gateway or ListenerSet is there for that object, too.
func saidOfOther(all diag.List, d diag.Diagnostic) bool {
	return slices.ContainsFunc([]objects.Kind{objects.ListenerSet, objects.Gateway}, func(k objects.Kind) bool {
		return strings.Contains(d.Path, " of "+string(k)+" ") && slices.ContainsFunc(all, func(o diag.Diagnostic) bool {
			return o.Object.Kind == string(k) && d.Path == o.Path+" of "+o.Object.String() && d.Code == o.Code &&
				d.Text == o.Text
		})
	})
}

// saidOfTags reports whether a finding says already that an object has a reserved tag, which its parts get.
func saidOfTags(found []finding, d diag.Diagnostic) bool {
	return d.Code == diag.ReservedTag && slices.ContainsFunc(found, func(f finding) bool {
		return f.Reason == string(diag.ReservedTag) && f.Object != d.Object.String() && strings.HasPrefix(f.Message, d.Text)
	})
}

// diagnostics returns the findings of plans. With manifests, it adds findings that plans lack because a Service is
// in none of the files.
func (o *lintOptions) diagnostics(ctx context.Context, src *source, got offline.Outcome) (diag.List, error) {
	all := everything(got)
	if o.fromCluster() {
		return all, nil
	}
	more, err := o.withStandIns(ctx, src)
	for _, d := range more {
		if !slices.ContainsFunc(all, func(x diag.Diagnostic) bool {
			return x.Object == d.Object && x.Path == d.Path && x.Code == d.Code
		}) {
			all = append(all, d)
		}
	}
	return all, err
}

// findingOf is the finding of a diagnostic, with the line that declares it. shown is false for one that depends on an
// account which lint does not read, and for one about an object of the cluster in addition to files.
func (o *lintOptions) findingOf(src *source, d diag.Diagnostic) (f finding, shown bool) {
	if src.builtIn && slices.Contains(accountCodes, d.Code) {
		return finding{}, false
	}
	f = finding{Severity: o.severity(d), Object: d.Object.String(), Field: d.Path, Reason: string(d.Code),
		Message: d.Text, Remedy: d.Remedy}
	if !o.fromCluster() && mayBeElsewhere(d) {
		f.Remedy = ifElsewhere + "; otherwise " + d.Remedy
	}
	path, _, _ := strings.Cut(d.Path, " of ")
	if p, ok := declaring(src.fromFiles, d); ok {
		f.File, f.Line = p.file, p.line(path)
	} else if len(src.fromFiles) > 0 {
		return finding{}, false
	}
	return f, true
}

func everything(got offline.Outcome) diag.List {
	all := slices.Clone(got.Diagnostics)
	for _, r := range got.Stacks {
		all = append(all, r.Diagnostics...)
	}
	return all
}
