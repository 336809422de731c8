/* The table of services: what each needs before it is asked, and its parameters. */
#include "medical.h"

/* A desk, a hospital's system or a citizen's app names whom it concerns. */
#define FOR_CITIZEN (OC_NEEDS_CITIZEN | OC_TAKES_NUMBER | OC_BY_PARTICIPANT)
/* A hospital's system brings a document of a citizen's. */
#define PUT (FOR_CITIZEN | OC_NEEDS_DOCUMENT)
/* A card, or its number or code. */
#define AT_DESK (OC_NEEDS_CARD | OC_NEEDS_CITIZEN | OC_TAKES_NUMBER)
/* The same where the hospital's own cash desk asks: with a code, from the citizen's account. */
#define PAYS (AT_DESK | OC_BY_PARTICIPANT)
/* The holder is there. */
#define PRESENT (AT_DESK | OC_NEEDS_PRESENCE | OC_BY_PARTICIPANT)
/* An earlier transaction is taken back. */
#define TAKE_BACK (OC_NEEDS_ORIGINAL | OC_NEEDS_CITIZEN | OC_NEEDS_OPERATOR | OC_TAKES_NUMBER)

#define ROW(id, en, zh, flags)                                                                     \
    .size = sizeof(struct onecard_service), .name = "medical." #id, .title_en = (en),              \
    .title_zh = (zh), .needs = (flags), .decide = medical_##id
/* Its parameters stand before it. */
#define SERVICE_ROW(id, en, zh, flags)                                                             \
    static const struct onecard_service id##_service = {                                           \
        ROW(id, en, zh, flags), .params = id##_params,                                             \
        .param_count = sizeof(id##_params) / sizeof(id##_params[0])}
#define SERVICE_ROW_BARE(id, en, zh, flags)                                                        \
    static const struct onecard_service id##_service = {ROW(id, en, zh, flags)}

SERVICE_ROW_BARE(schedule_put, "Put a doctor's day", "出诊排班",
                 OC_NEEDS_DOCUMENT | OC_BY_PARTICIPANT);

static const struct onecard_param departments_params[] = {
    {"hospital", "whose departments; none: the list of hospitals", false},
    {"after", "next of the page before", false},
};
SERVICE_ROW(departments, "Hospitals and their departments", "科室查询", OC_BY_PARTICIPANT);

static const struct onecard_param slots_params[] = {
    {"hospital", "a participant; default: the terminal's own", false},
    {"department", "as medical.departments lists it", true},
    {"practitioner", "one doctor only", false},
    {"day", "YYYYMMDD; default: today", false},
    {"after", "next of the page before", false},
};
SERVICE_ROW(slots, "Free slots", "号源查询", OC_BY_PARTICIPANT);

static const struct onecard_param register_params[] = {
    {"hospital", "a participant; default: the terminal's own", false},
    {"department", "as medical.departments lists it", false},
    {"practitioner", "doctor, as medical.slots lists them", false},
    {"day", "YYYYMMDD; default: today", false},
    {"slot", "HHMM; default: the first that is free", false},
    {"appointment", "register what was booked", false},
    {"pay", "the own part: purse (default), account, pending or cash", false},
};
SERVICE_ROW(register, "Register for a visit", "挂号", PAYS);

static const struct onecard_param unregister_params[] = {
    {"txn", "the transaction that is taken back", true},
    {"reason", "why, for the record", false},
    {"citizen", "whom it concerns, where no card is presented", false},
};
SERVICE_ROW(unregister, "Give a registration back", "退号", TAKE_BACK);

static const struct onecard_param book_params[] = {
    {"hospital", "a participant; default: the terminal's own", false},
    {"citizen", "whom it concerns, where no card is presented", false},
    {"department", "as medical.departments lists it", true},
    {"practitioner", "doctor, as medical.slots lists them", true},
    {"day", "YYYYMMDD; default: today", true},
    {"slot", "HHMM; default: the first that is free", false},
};
SERVICE_ROW(book, "Book an appointment", "预约挂号", FOR_CITIZEN);

static const struct onecard_param cancel_params[] = {
    {"appointment", "its number", true},
    {"citizen", "whom it concerns, where no card is presented", false},
};
SERVICE_ROW(cancel, "Cancel an appointment", "取消预约", FOR_CITIZEN);

static const struct onecard_param checkin_params[] = {
    {"appointment", "its number", true},
    {"citizen", "whom it concerns, where no card is presented", false},
};
SERVICE_ROW(checkin, "Check in for an appointment", "预约签到", FOR_CITIZEN);

static const struct onecard_param appointments_params[] = {
    {"citizen", "whom it concerns, where no card is presented", false},
    {"after", "next of the page before", false},
};
SERVICE_ROW(appointments, "Appointments", "预约查询", FOR_CITIZEN);

static const struct onecard_param sweep_params[] = {
    {"day", "YYYYMMDD, over; default: yesterday", false},
};
SERVICE_ROW(sweep, "Count missed appointments", "爽约统计", OC_NEEDS_OPERATOR);

static const struct onecard_param bill_put_params[] = {
    {"citizen", "whom it concerns, where no card is presented", false},
};
SERVICE_ROW(bill_put, "Put a bill", "费用上传", PUT);

static const struct onecard_param bills_params[] = {
    {"citizen", "whom it concerns, where no card is presented", false},
    {"all", "yes: those that are settled, too", false},
    {"after", "next of the page before", false},
};
SERVICE_ROW(bills, "Bills", "费用查询", FOR_CITIZEN);

static const struct onecard_param settle_params[] = {
    {"hospital", "a participant; default: the terminal's own", false},
    {"bill", "the hospital's number of the bill", true},
    {"pay", "the own part: purse (default), account, pending or cash", false},
    {"insurance", "no: all of it is paid by the citizen", false},
    {"personal", "no: spare the personal account", false},
    {"family", "yes: relatives' accounts may pay", false},
};
SERVICE_ROW(settle, "Settle a bill", "结算", PAYS);

static const struct onecard_param settle_cancel_params[] = {
    {"txn", "the transaction that is taken back", true},
    {"reason", "why, for the record", false},
    {"citizen", "whom it concerns, where no card is presented", false},
};
SERVICE_ROW(settle_cancel, "Cancel a settlement", "结算撤销", TAKE_BACK);

static const struct onecard_param refund_lines_params[] = {
    {"txn", "the transaction that is taken back", true},
    {"lines", "line numbers: 2,3", true},
    {"reason", "why, for the record", false},
    {"citizen", "whom it concerns, where no card is presented", false},
};
SERVICE_ROW(refund_lines, "Give lines of a bill back", "部分退费", TAKE_BACK);

static const struct onecard_param admit_params[] = {
    {"citizen", "whom it concerns, where no card is presented", false},
};
SERVICE_ROW(admit, "Admit to a stay", "入院登记", PUT);

static const struct onecard_param discharge_params[] = {
    {"hospital", "a participant; default: the terminal's own", false},
    {"citizen", "whom it concerns, where no card is presented", false},
    {"admission", "the hospital's number of the stay", true},
    {"cancelled", "yes: the stay did not take place", false},
};
SERVICE_ROW(discharge, "Discharge", "出院登记", FOR_CITIZEN);

static const struct onecard_param deposit_params[] = {
    {"hospital", "a participant; default: the terminal's own", false},
    {"admission", "the hospital's number of the stay", true},
    {"pay", "the own part: purse (default), account, pending or cash", false},
};
SERVICE_ROW(deposit, "Pay a deposit", "住院预交金", PAYS | OC_NEEDS_AMOUNT);

static const struct onecard_param deposit_return_params[] = {
    {"hospital", "a participant; default: the terminal's own", false},
    {"admission", "the hospital's number of the stay", true},
    {"pay", "where it goes: pending (default), account or cash", false},
};
SERVICE_ROW(deposit_return, "Return a deposit", "退预交金", AT_DESK | OC_NEEDS_OPERATOR);

static const struct onecard_param inpatient_settle_params[] = {
    {"hospital", "a participant; default: the terminal's own", false},
    {"admission", "the hospital's number of the stay", true},
    {"pay", "where what the deposit lacks comes from, or the rest goes to", false},
    {"insurance", "no: all of it is paid by the citizen", false},
    {"personal", "no: spare the personal account", false},
    {"family", "yes: relatives' accounts may pay", false},
};
SERVICE_ROW(inpatient_settle, "Settle a stay", "出院结算", PAYS);

static const struct onecard_param report_put_params[] = {
    {"citizen", "whom it concerns, where no card is presented", false},
};
SERVICE_ROW(report_put, "Put a report", "报告上传", PUT);

SERVICE_ROW_BARE(reports, "Open the list of reports", "报告目录调阅", PRESENT);

static const struct onecard_param report_params[] = {
    {"hospital", "a participant; default: the terminal's own", false},
    {"report", "its number at that hospital", true},
};
SERVICE_ROW(report, "Open a report", "报告调阅", PRESENT);

static const struct onecard_param medication_params[] = {
    {"check", "substances that shall be dispensed: CODE,CODE", false},
};
SERVICE_ROW(medication, "Open the medication history", "用药记录调阅", PRESENT);

static const struct onecard_param emergency_params[] = {
    {"citizen", "whom it concerns, where no card is presented", false},
    {"what", "report, reports (default) or medication", false},
    {"hospital", "a participant; default: the terminal's own", false},
    {"report", "its number at that hospital", false},
    {"check", "substances: CODE,CODE", false},
    {"reason", "what the emergency is", true},
};
SERVICE_ROW(emergency, "Open in an emergency", "急诊调阅", FOR_CITIZEN | OC_NEEDS_OPERATOR);

static const struct onecard_param read_params[] = {
    {"citizen", "whom it concerns, where no card is presented", false},
    {"access", "the number that opening gave", true},
    {"from", "next of the page before", false},
};
SERVICE_ROW(read, "Read what was opened", "调阅内容", FOR_CITIZEN);

static const struct onecard_param access_log_params[] = {
    {"after", "next of the page before", false},
};
SERVICE_ROW(access_log, "Who looked", "调阅记录", AT_DESK | OC_NEEDS_PRESENCE);

static const struct onecard_param dispense_put_params[] = {
    {"citizen", "whom it concerns, where no card is presented", false},
};
SERVICE_ROW(dispense_put, "Put a dispense", "发药上传", PUT);

static const struct onecard_param refer_params[] = {
    {"to", "the receiving hospital", true},
    {"direction", "up or down", true},
    {"department", "where to", false},
    {"reason", "why; longer: in the document's text", false},
};
SERVICE_ROW(refer, "Refer to another hospital", "转诊申请", PRESENT);

static const struct onecard_param referral_answer_params[] = {
    {"citizen", "whom it concerns, where no card is presented", false},
    {"referral", "its number", true},
    {"state", "accepted, declined, arrived, returned or revoked", true},
    {"note", "for the other side", false},
};
SERVICE_ROW(referral_answer, "Answer a referral", "转诊应答", FOR_CITIZEN);

static const struct onecard_param referrals_params[] = {
    {"citizen", "whom it concerns, where no card is presented", false},
    {"after", "next of the page before", false},
};
SERVICE_ROW(referrals, "Referrals", "转诊查询", FOR_CITIZEN);

static const struct onecard_param consult_params[] = {
    {"to", "hospitals: h2,h3", true},
    {"question", "what is asked; longer: in the document's text", false},
    {"reports", "numbers of own reports that go along: R1,R2", false},
};
SERVICE_ROW(consult, "Ask for a consultation", "会诊申请", PRESENT);

static const struct onecard_param consult_answer_params[] = {
    {"citizen", "whom it concerns, where no card is presented", false},
    {"consult", "its number", true},
    {"answer", "the answer; longer: in the document's text", false},
    {"declined", "yes: no answer will come", false},
};
SERVICE_ROW(consult_answer, "Answer a consultation", "会诊应答", FOR_CITIZEN);

const struct onecard_service *const medical_services[MEDICAL_SERVICES] = {
    &schedule_put_service,   &departments_service,
    &slots_service,          &register_service,
    &unregister_service,     &book_service,
    &cancel_service,         &checkin_service,
    &appointments_service,   &sweep_service,
    &bill_put_service,       &bills_service,
    &settle_service,         &settle_cancel_service,
    &refund_lines_service,   &admit_service,
    &discharge_service,      &deposit_service,
    &deposit_return_service, &inpatient_settle_service,
    &report_put_service,     &reports_service,
    &report_service,         &medication_service,
    &emergency_service,      &read_service,
    &access_log_service,     &dispense_put_service,
    &refer_service,          &referral_answer_service,
    &referrals_service,      &consult_service,
    &consult_answer_service,
};
