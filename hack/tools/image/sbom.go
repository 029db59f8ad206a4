package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
	"time"
)

// components is the software bill of materials of an image, in SPDX 2.3: the programs, what they are linked from, and
// Go's standard library. It is read from the programs, not from go.mod, so that it has what is in them.
func components(s source, programs []executable, created time.Time) ([]byte, error) {
	var l list
	all := sha256.New()
	for _, p := range programs {
		sum := sha256.Sum256(p.content)
		all.Write(sum[:])
		id := "SPDXRef-Program" + strings.ReplaceAll(p.path, "/", "-")
		l.packages = append(l.packages, map[string]any{
			"SPDXID": id, "name": p.info.Main.Path + "/cmd" + p.path, "versionInfo": s.version,
			"downloadLocation": "NOASSERTION", "licenseConcluded": "Apache-2.0",
			"licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION", "filesAnalyzed": false,
			"primaryPackagePurpose": "APPLICATION",
			"checksums":             []map[string]any{{"algorithm": "SHA256", "checksumValue": hex.EncodeToString(sum[:])}},
			"externalRefs":          []map[string]any{purl(p.info.Main.Path, s.version+"#cmd"+p.path)},
		})
		l.relate("SPDXRef-DOCUMENT", "DESCRIBES", id)
		l.needs(id, &debug.Module{Path: "stdlib", Version: strings.TrimPrefix(p.info.GoVersion, "go")})
		for _, m := range p.info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			l.needs(id, m)
		}
	}
	text, err := json.MarshalIndent(map[string]any{
		"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
		"name":              "aws-load-balancer-controller " + s.version + " " + s.platform.String(),
		"documentNamespace": "https://spdx.org/spdxdocs/aws-load-balancer-controller-" + hex.EncodeToString(all.Sum(nil)),
		"creationInfo": map[string]any{"created": created.Format(time.RFC3339), "creators": []string{
			"Tool: hack/tools/image"}},
		"packages": l.packages, "relationships": l.relations,
	}, "", "  ")
	return append(text, '\n'), err
}

// list has each module once, whichever programs are linked from it.
type list struct {
	packages, relations []map[string]any
	ids                 map[string]string // by path and version
}

func (l *list) relate(from, how, to string) {
	l.relations = append(l.relations, map[string]any{"spdxElementId": from, "relationshipType": how,
		"relatedSpdxElement": to})
}

// needs notes that a program is linked from a module.
func (l *list) needs(program string, m *debug.Module) {
	key := m.Path + "@" + m.Version
	id, known := l.ids[key]
	if !known {
		id = fmt.Sprintf("SPDXRef-Package-%d", len(l.packages))
		if l.ids == nil {
			l.ids = map[string]string{}
		}
		l.ids[key] = id
		l.packages = append(l.packages, map[string]any{
			"SPDXID": id, "name": m.Path, "versionInfo": m.Version, "downloadLocation": "NOASSERTION",
			"licenseConcluded": "NOASSERTION",
			"licenseDeclared":  "NOASSERTION", "copyrightText": "NOASSERTION", "filesAnalyzed": false,
			"comment":      strings.TrimSpace("Go checksum " + m.Sum),
			"externalRefs": []map[string]any{purl(m.Path, m.Version)},
		})
	}
	l.relate(program, "DEPENDS_ON", id)
}

func purl(path, version string) map[string]any {
	return map[string]any{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
		"referenceLocator": "pkg:golang/" + path + "@" + version}
}
