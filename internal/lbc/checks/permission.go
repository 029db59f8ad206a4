package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

var permissionChecks = []Check{{
	Name: "iam-role-missing", Severity: doctor.Error, Needs: []doctor.Source{doctor.RolePolicies}, Skip: withoutRole,
	About: "The role that the controller's service account names does not exist: the controller gets no credentials.",
	Remedy: "create the role with the policy that lbc iam-policy prints, or correct the annotation " +
		"eks.amazonaws.com/role-arn",
	Find: func(f *Facts) []doctor.Finding {
		if f.Permissions.Exists {
			return nil
		}
		return []doctor.Finding{{Object: f.Permissions.Role, Text: "there is no such role"}}
	},
}, {
	Name: "iam-denied", Severity: doctor.Error, Needs: []doctor.Source{doctor.RolePolicies}, Skip: withoutPermissions,
	About: "According to IAM's simulation, the policies of the controller's role do not allow actions that this version " +
		"of the controller needs with its current flags. The finding names the statement that contains these actions in " +
		"the output of lbc iam-policy. The severity is warning if only some features need the actions. The severity is " +
		"note if only features beyond the standard policy (lbc iam-policy --standard) need the actions. If you run lbc " +
		"doctor with the controller's own credentials, and these credentials do not allow iam:SimulatePrincipalPolicy, the " +
		"check calls AWS instead. These calls are only reads, and writes to EC2 as dry runs.",
	Remedy: "allow the actions in the policies of the role: lbc iam-policy prints all needed actions, and " +
		"docs/permissions.md says why the controller needs each action",
	Find: deniedPermissions,
}}

func withoutRole(f *Facts) string {
	if f.Permissions.Role == "" {
		return "the role of the controller is not known: name it with --controller-role"
	}
	return ""
}

func withoutPermissions(f *Facts) string {
	if why := withoutRole(f); why != "" || f.Permissions.Exists {
		return why
	}
	return "the role does not exist"
}

func deniedPermissions(f *Facts) (out []doctor.Finding) {
	role := f.Permissions.Role
	type part struct {
		sid      string
		severity doctor.Severity
		explicit bool
	}
	actions, resources := map[part][]string{}, map[part][]string{}
	for _, l := range f.Permissions.Lacking {
		p := part{l.Sid, l.Severity, l.Explicit}
		if !slices.Contains(actions[p], l.Action) {
			actions[p] = append(actions[p], l.Action)
		}
		if !slices.Contains(resources[p], l.Resource) {
			resources[p] = append(resources[p], l.Resource)
		}
	}
	for _, p := range slices.SortedFunc(maps.Keys(actions), func(a, b part) int {
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	}) {
		x := doctor.Finding{Severity: p.severity, Object: role, Text: "may not " + strings.Join(actions[p], ", ") +
			", of statement " + p.sid, Evidence: doctor.Evidence("on ", resources[p])}
		if p.explicit {
			x.Text += ": a policy denies it"
			x.Remedy = "remove the Deny from the policies of the role"
		}
		out = append(out, x)
	}
	if n := len(f.Permissions.Untried); n > 0 {
		out = append(out, doctor.Finding{
			Severity: doctor.Note, Object: role,
			Text:     fmt.Sprintf("%d of its actions could not be tried without iam:SimulatePrincipalPolicy", n),
			Evidence: doctor.Evidence("", f.Permissions.Untried),
			Remedy:   "allow your credentials iam:SimulatePrincipalPolicy on the role",
		})
	}
	return out
}
