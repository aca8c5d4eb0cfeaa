#!/usr/bin/env python3
"""What Tekton makes of the Task's only step: podman's arguments, one per line, up to and with the image's own.

usage: tekton.py TASK RESULTS_FOLDER IMAGE URL ARGUMENT...     (needs PyYAML)
"""

import sys

from yaml import safe_load


def main(path, results, image, url, *args):
    with open(path, encoding="utf-8") as file:
        spec = safe_load(file)["spec"]
    step, security = spec["steps"][0], spec["stepTemplate"]["securityContext"]
    values = {f"$(params.{param['name']})": param["default"] for param in spec["params"]}
    values |= {f"$(results.{result['name']}.path)": f"/tekton/results/{result['name']}" for result in spec["results"]}
    values |= {"$(params.url)": url, "$(workspaces.source.path)": ""}

    def filled(text):
        for name, value in values.items():
            if isinstance(value, str):
                text = text.replace(name, value)
        return text

    assert security["allowPrivilegeEscalation"] is False and security["readOnlyRootFilesystem"] is True, security
    line = ["--user", str(security["runAsUser"]), "--read-only", "--read-only-tmpfs=false", "--security-opt", "no-new-privileges"]
    line += ["--cap-drop", ",".join(security["capabilities"]["drop"]).lower(), "--volume", f"{results}:/tekton/results"]
    for volume in step["volumeMounts"]:
        line += ["--tmpfs", volume["mountPath"]]
    for variable in step["env"]:
        line += ["--env", f"{variable['name']}={filled(variable['value'])}"]
    line += ["--entrypoint", step["command"][0], image]
    for arg in step["args"]:
        line += args if arg == "$(params.args[*])" else [filled(arg)]
    assert not any("$(" in text or "\n" in text for text in line), line
    print("\n".join(line))


if __name__ == "__main__":
    main(*sys.argv[1:])
