//! The log source of a rule, as a query string that says which events come from it.
//!
//! Everything that is known about log sources is in these tables.

use crate::config::Problem;
use crate::importers::condition::Condition;
use crate::importers::yaml::Node;

/// Fields of the conditions below, which say little about an event.
pub(super) const FIELDS: [&str; 2] = ["Channel", "EventID"];

/// The events of Sysmon, also where the channel is not stored: no other source has `UtcTime`.
const SYSMON: &str = r#"(Channel:"Microsoft-Windows-Sysmon/Operational" OR _exists_:UtcTime)"#;
const SECURITY: &str = "Channel:Security";
const POWERSHELL: &str = r#"Channel:("Microsoft-Windows-PowerShell/Operational" OR "PowerShellCore/Operational")"#;
const CLASSIC_POWERSHELL: &str = r#"Channel:"Windows PowerShell""#;

/// Category of Windows events, and for each log that has such events: the condition of the log, and
/// the event IDs.
type Category = (&'static str, &'static [(&'static str, &'static [u32])]);

const WINDOWS_CATEGORIES: &[Category] = &[
    ("process_creation", &[(SYSMON, &[1]), (SECURITY, &[4688])]),
    ("file_change", &[(SYSMON, &[2])]),
    ("network_connection", &[(SYSMON, &[3])]),
    ("sysmon_status", &[(SYSMON, &[4, 16])]),
    ("process_termination", &[(SYSMON, &[5])]),
    ("driver_load", &[(SYSMON, &[6])]),
    ("image_load", &[(SYSMON, &[7])]),
    ("create_remote_thread", &[(SYSMON, &[8])]),
    ("raw_access_thread", &[(SYSMON, &[9])]),
    ("process_access", &[(SYSMON, &[10])]),
    ("file_event", &[(SYSMON, &[11])]),
    ("registry_add", &[(SYSMON, &[12])]),
    ("registry_delete", &[(SYSMON, &[12])]),
    ("registry_set", &[(SYSMON, &[13])]),
    ("registry_rename", &[(SYSMON, &[14])]),
    ("registry_event", &[(SYSMON, &[12, 13, 14])]),
    ("create_stream_hash", &[(SYSMON, &[15])]),
    ("pipe_created", &[(SYSMON, &[17, 18])]),
    ("wmi_event", &[(SYSMON, &[19, 20, 21])]),
    ("dns_query", &[(SYSMON, &[22])]),
    ("file_delete", &[(SYSMON, &[23, 26])]),
    ("clipboard_capture", &[(SYSMON, &[24])]),
    ("process_tampering", &[(SYSMON, &[25])]),
    ("file_block_executable", &[(SYSMON, &[27])]),
    ("file_block_shredding", &[(SYSMON, &[28])]),
    ("file_executable_detected", &[(SYSMON, &[29])]),
    ("sysmon_error", &[(SYSMON, &[255])]),
    ("ps_module", &[(POWERSHELL, &[4103])]),
    ("ps_script", &[(POWERSHELL, &[4104])]),
    ("ps_classic_start", &[(CLASSIC_POWERSHELL, &[400])]),
    ("ps_classic_provider_start", &[(CLASSIC_POWERSHELL, &[600])]),
    ("ps_classic_script", &[(CLASSIC_POWERSHELL, &[800])]),
];

/// Services of Windows and their channels.
const WINDOWS_SERVICES: &[(&str, &[&str])] = &[
    ("application", &["Application"]),
    ("security", &["Security"]),
    ("system", &["System"]),
    ("sysmon", &["Microsoft-Windows-Sysmon/Operational"]),
    ("powershell", &["Microsoft-Windows-PowerShell/Operational", "PowerShellCore/Operational"]),
    ("powershell-classic", &["Windows PowerShell"]),
    ("taskscheduler", &["Microsoft-Windows-TaskScheduler/Operational"]),
    ("wmi", &["Microsoft-Windows-WMI-Activity/Operational"]),
    ("windefend", &["Microsoft-Windows-Windows Defender/Operational"]),
    ("firewall-as", &["Microsoft-Windows-Windows Firewall With Advanced Security/Firewall"]),
    ("bits-client", &["Microsoft-Windows-Bits-Client/Operational"]),
    ("dns-client", &["Microsoft-Windows-DNS Client Events/Operational"]),
    ("dns-server", &["DNS Server"]),
    ("dns-server-audit", &["Microsoft-Windows-DNS-Server/Audit"]),
    ("dns-server-analytic", &["Microsoft-Windows-DNS-Server/Analytical"]),
    ("dhcp", &["Microsoft-Windows-DHCP-Server/Operational"]),
    ("driver-framework", &["Microsoft-Windows-DriverFrameworks-UserMode/Operational"]),
    ("ntlm", &["Microsoft-Windows-NTLM/Operational"]),
    ("codeintegrity-operational", &["Microsoft-Windows-CodeIntegrity/Operational"]),
    ("smbclient-security", &["Microsoft-Windows-SmbClient/Security"]),
    ("smbclient-connectivity", &["Microsoft-Windows-SmbClient/Connectivity"]),
    ("smbserver-connectivity", &["Microsoft-Windows-SMBServer/Connectivity"]),
    ("msexchange-management", &["MSExchange Management"]),
    ("printservice-admin", &["Microsoft-Windows-PrintService/Admin"]),
    ("printservice-operational", &["Microsoft-Windows-PrintService/Operational"]),
    ("terminalservices-localsessionmanager", &["Microsoft-Windows-TerminalServices-LocalSessionManager/Operational"]),
    (
        "applocker",
        &[
            "Microsoft-Windows-AppLocker/EXE and DLL",
            "Microsoft-Windows-AppLocker/MSI and Script",
            "Microsoft-Windows-AppLocker/Packaged app-Deployment",
            "Microsoft-Windows-AppLocker/Packaged app-Execution",
        ],
    ),
    (
        "security-mitigations",
        &["Microsoft-Windows-Security-Mitigations/KernelMode", "Microsoft-Windows-Security-Mitigations/UserMode"],
    ),
    ("appxdeployment-server", &["Microsoft-Windows-AppXDeploymentServer/Operational"]),
    ("appxpackaging-om", &["Microsoft-Windows-AppxPackaging/Operational"]),
    ("appmodel-runtime", &["Microsoft-Windows-AppModel-Runtime/Admin"]),
    ("capi2", &["Microsoft-Windows-CAPI2/Operational"]),
    (
        "certificateservicesclient-lifecycle-system",
        &["Microsoft-Windows-CertificateServicesClient-Lifecycle-System/Operational"],
    ),
    ("diagnosis-scripted", &["Microsoft-Windows-Diagnosis-Scripted/Operational"]),
    ("iis-configuration", &["Microsoft-IIS-Configuration/Operational"]),
    ("ldap", &["Microsoft-Windows-LDAP-Client/Debug"]),
    ("ldap_debug", &["Microsoft-Windows-LDAP-Client/Debug"]),
    ("lsa-server", &["Microsoft-Windows-LSA/Operational"]),
    ("microsoft-servicebus-client", &["Microsoft-ServiceBus-Client"]),
    ("openssh", &["OpenSSH/Operational"]),
    ("shell-core", &["Microsoft-Windows-Shell-Core/Operational"]),
    ("vhdmp", &["Microsoft-Windows-VHDMP/Operational"]),
];

/// Other services, by product, and the query strings of their events in the forms that are usual.
const SERVICES: &[(&str, &str, &str)] = &[
    ("aws", "cloudtrail", "event.dataset:aws.cloudtrail OR (_exists_:eventSource AND _exists_:eventName)"),
    ("zeek", "conn", "_path:conn OR event.dataset:(zeek.conn OR zeek.connection)"),
    ("zeek", "dce_rpc", "_path:dce_rpc OR event.dataset:zeek.dce_rpc"),
    ("zeek", "dns", "_path:dns OR event.dataset:zeek.dns"),
    ("zeek", "http", "_path:http OR event.dataset:zeek.http"),
    ("zeek", "kerberos", "_path:kerberos OR event.dataset:zeek.kerberos"),
    ("zeek", "rdp", "_path:rdp OR event.dataset:zeek.rdp"),
    ("zeek", "smb_files", "_path:smb_files OR event.dataset:zeek.smb_files"),
    ("zeek", "x509", "_path:x509 OR event.dataset:zeek.x509"),
];

/// A log source, as a rule names it.
#[derive(Clone, Debug, Default)]
pub(super) struct LogSource {
    /// Query string of its events; `None` if only the fields of the rule tell them from others.
    pub(super) query: Option<String>,
    /// Warning if the tables do not have it.
    pub(super) note: Option<Problem>,
}

impl LogSource {
    /// `condition` for the events of this log only.
    pub(super) fn joined(&self, condition: Condition) -> Condition {
        Condition::all(self.query.clone().map(Condition::Written).into_iter().chain([condition]))
    }
}

/// Reads the log source of a rule.
pub(super) fn read(rule: &Node) -> LogSource {
    let Some(node) = rule.get("logsource") else { return LogSource::default() };
    let part = |key: &str| node.text_of(key).map(|text| text.to_ascii_lowercase());
    let (product, category, service) = (part("product"), part("category"), part("service"));
    let is_windows = product.as_deref() == Some("windows");
    let of_category = category.as_deref().filter(|_| is_windows).map(of_windows_category);
    let of_service = service.as_deref().map(|service| match product.as_deref() {
        Some("windows") => of_windows_service(service),
        product => SERVICES
            .iter()
            .find(|(known, name, _)| Some(*known) == product && *name == service)
            .map(|(.., query)| (*query).to_owned()),
    });
    let parts: Vec<Option<String>> = of_category.into_iter().chain(of_service).collect();
    let known: Vec<&str> = parts.iter().flatten().map(String::as_str).collect();
    let query = match known.as_slice() {
        [] => None,
        [one] => Some((*one).to_owned()),
        several => Some(format!("({})", several.join(") AND ("))),
    };
    let note = (query.is_none()).then(|| {
        let named: Vec<String> = [product, category, service].into_iter().flatten().collect();
        let message = format!("the log source `{}` has no condition: the rule looks at all events", named.join("/"));
        let help = "add a condition to es_query_filter if other logs have fields of the same names";
        Problem::warning(message).at(node.location.clone()).help(help)
    });
    LogSource { query, note }
}

fn of_windows_category(category: &str) -> Option<String> {
    let (_, logs) = WINDOWS_CATEGORIES.iter().find(|(known, _)| *known == category)?;
    let of_log = |(log, ids): &(&str, &[u32])| {
        let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
        match ids.as_slice() {
            [id] => format!("EventID:{id} AND {log}"),
            _ => format!("EventID:({}) AND {log}", ids.join(" OR ")),
        }
    };
    let logs: Vec<String> = logs.iter().map(of_log).collect();
    Some(if logs.len() == 1 { logs.concat() } else { format!("({})", logs.join(") OR (")) })
}

fn of_windows_service(service: &str) -> Option<String> {
    if service == "sysmon" {
        return Some(SYSMON.to_owned());
    }
    let (_, channels) = WINDOWS_SERVICES.iter().find(|(known, _)| *known == service)?;
    let quoted: Vec<String> = channels.iter().map(|channel| format!("\"{channel}\"")).collect();
    Some(match quoted.as_slice() {
        [channel] => format!("Channel:{channel}"),
        _ => format!("Channel:({})", quoted.join(" OR ")),
    })
}
