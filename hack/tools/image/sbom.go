package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
	"time"
)

// components is the software bill of materials of an image, in SPDX 2.3: the program, what it is linked from, and Go's standard library. It is read from
// the program, not from go.mod, so that it has what is in the program.
func components(s source, info *buildinfo.BuildInfo, content []byte, created time.Time) ([]byte, error) {
	sum := sha256.Sum256(content)
	digest := hex.EncodeToString(sum[:])
	const program = "SPDXRef-Program"
	packages := []map[string]any{{
		"SPDXID": program, "name": info.Main.Path, "versionInfo": s.version, "downloadLocation": "NOASSERTION", "licenseConcluded": "Apache-2.0",
		"licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION", "filesAnalyzed": false, "primaryPackagePurpose": "APPLICATION",
		"checksums":    []map[string]any{{"algorithm": "SHA256", "checksumValue": digest}},
		"externalRefs": []map[string]any{purl(info.Main.Path, s.version)},
	}}
	relations := []map[string]any{{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": program}}
	add := func(m *debug.Module) {
		id := fmt.Sprintf("SPDXRef-Package-%d", len(packages))
		packages = append(packages, map[string]any{
			"SPDXID": id, "name": m.Path, "versionInfo": m.Version, "downloadLocation": "NOASSERTION", "licenseConcluded": "NOASSERTION",
			"licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION", "filesAnalyzed": false, "comment": strings.TrimSpace("Go checksum " + m.Sum),
			"externalRefs": []map[string]any{purl(m.Path, m.Version)},
		})
		relations = append(relations, map[string]any{"spdxElementId": program, "relationshipType": "DEPENDS_ON", "relatedSpdxElement": id})
	}
	add(&debug.Module{Path: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go")})
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		add(m)
	}
	text, err := json.MarshalIndent(map[string]any{
		"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
		"name":              "aws-load-balancer-controller " + s.version + " " + s.platform.String(),
		"documentNamespace": "https://spdx.org/spdxdocs/aws-load-balancer-controller-" + digest,
		"creationInfo":      map[string]any{"created": created.Format(time.RFC3339), "creators": []string{"Tool: hack/tools/image"}},
		"packages":          packages, "relationships": relations,
	}, "", "  ")
	return append(text, '\n'), err
}

func purl(path, version string) map[string]any {
	return map[string]any{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:golang/" + path + "@" + version}
}
